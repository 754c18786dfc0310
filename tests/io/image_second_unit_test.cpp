/// The second translation unit with stb inside, and one that includes stb for itself around it.
#include <stb/stb_image_write.h>

#include "eigengrad/io/image.hpp"

#include <stb/stb_image.h>

bool write_png_from_another_unit(const std::string& path) {
  eigengrad::write_png(path, eigengrad::Tensor::full({3, 4, 1}, 1));
  return eigengrad::read_image(path).shape() == eigengrad::Shape{3, 4, 1};
}
