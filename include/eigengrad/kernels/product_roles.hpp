/// Which operand of a product is shared by all tasks, which is cut into them, and which of them are read
/// where they lie.
#pragma once

#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// The operands of a product, with panels, and what becomes of them.
template <class T>
struct ProductRoles {
  const ProductOperand<T>&a, &b;
  bool a_is_shared;
  const ProductOperand<T>&shared, &cut;

  /// Of a product on so many threads, whose sums over k are one chain each, so that no cut changes them.
  /// (With several chains, `threads` is 1, since results must not depend on it.)
  ProductRoles(const ProductOperand<T>& left, const ProductOperand<T>& right, Index threads)
      : a(left),
        b(right),
        a_is_shared(shares_a(threads)),
        shared(a_is_shared ? left : right),
        cut(a_is_shared ? right : left) {}

  /// Whether tiles can read an operand where it lies: of B they need the columns side by side.
  bool readable(const ProductOperand<T>& operand) const { return operand.k_major || &operand == &a; }
  /// Whether an operand that meets so many panels of the other one is read where it lies: where those are
  /// few. Also A, of which a tile broadcasts single values, unless it lies in few sets of the caches (rows
  /// side by side may where they meet few panels, as far as the first level holds a line of each), or is
  /// shared and pays for being packed once: it meets many panels and need not come from memory for that.
  /// Columns of A that are cut are packed by tiles.
  bool reads_in_place(const ProductOperand<T>& operand, Index panels) const {
    constexpr auto size = static_cast<Index>(sizeof(T));
    const bool same_sets = operand.lies_in_few_sets(), is_shared = &operand == &shared;
    const bool pays = is_shared && panels >= 16 && operand.extent * operand.depth * size <= Index{4} << 20;
    if (!readable(operand)) return false;
    if (!operand.k_major) return !same_sets || (operand.width <= first_level_ways() && panels < 16);
    if (panels <= few_panels) return true;
    return is_shared && a_is_shared && !same_sets && operand.width * size >= 48 && !pays;
  }
  /// Whether B is cut, read in place, and so large that its rows, which are long, come from memory. Tiles
  /// bring them in along the rows then, and blocks of k are shorter, so that the lines stay in the
  /// second-level cache for the next panels of A even where all rows lie in few sets. Follows from the
  /// extents alone, since blocks of k do: where one block is all of k, so large a B has panels enough for
  /// any number of threads.
  bool b_comes_from_memory() const {
    return a_is_shared && b.k_major && divide_up(a.extent, a.width) <= few_panels &&
           b.extent >= 8 * b.width && b.extent * b.depth * static_cast<Index>(sizeof(T)) >= memory_size;
  }

 private:
  /// Panels for which it does not pay to pack what they meet.
  static constexpr Index few_panels = 4;
  /// Bytes of an operand that is read once, from which on most of it comes from memory.
  static constexpr Index memory_size = Index{12} << 20;

  /// Panels of B are cut wherever there are enough, since for each step of k they are read anew from further
  /// away than the lower ones of A; but not a few that threads could not share evenly.
  bool shares_a(Index threads) const {
    if (b.extent >= 16 * b.width) return a.extent <= 2 * b.extent;
    return a.extent <= b.extent && largest_share(b, threads) <= 1.15 * largest_share(a, threads);
  }
  /// The part of the operand that the longest-working thread gets.
  static double largest_share(const ProductOperand<T>& operand, Index threads) {
    if (threads == 1) return 1;
    const Index panels = divide_up(divide_up(operand.extent, operand.width), threads);
    return static_cast<double>(panels * operand.width) / static_cast<double>(operand.extent);
  }
};

}  // namespace eigengrad::kernels::detail
