# Makes a program of the C++ blocks of a Markdown page, each in a scope of its own.
BEGIN { print "#include <eigengrad/eigengrad.hpp>\nusing namespace eigengrad;\nint main() {" }
/^```cpp$/ { inside = 1; blocks++; printf "  {\n#line %d \"%s\"\n", FNR + 1, FILENAME; next }
/^```$/ { if (inside) print "  }"; inside = 0; next }
inside { print }
END { print "}"; if (blocks == 0) exit 1 }
