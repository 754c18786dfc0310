# The README shows examples/quickstart.cpp as it is.
file(READ ${README} readme)
file(READ ${QUICKSTART} quickstart)
string(FIND "${readme}" "```cpp\n${quickstart}```" place)
if(place EQUAL -1)
  message(FATAL_ERROR "README.md does not show examples/quickstart.cpp as it is")
endif()
