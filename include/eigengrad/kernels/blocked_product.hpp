/// The product of two matrices, block by block. One operand is packed whole and shared by all threads, or,
/// where it is small, packed by each for itself; the other is cut into tiles, one task each, which a task
/// packs block by block just before use. What tiles can as well read where it lies is not packed.
#pragma once

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/pack_ahead.hpp"
#include "eigengrad/kernels/partial_sums.hpp"
#include "eigengrad/kernels/product_operand.hpp"
#include "eigengrad/kernels/product_plan.hpp"
#include "eigengrad/kernels/product_roles.hpp"

namespace eigengrad::kernels::detail {

/// C = A B + bias, C being the contiguous m by n matrix `c`.
template <class T>
class BlockedProduct {
 public:
  /// Where rows of A share sets of the first-level cache, panels stay low enough to be read where they lie.
  /// No chain of sums is longer than `longest_chain`, at least 1.
  /// Inline, so that operands just made need not be read from memory, which takes as long as a small product.
  [[gnu::always_inline]] BlockedProduct(const ProductOperand<T>& a, const ProductOperand<T>& b, Index k,
                                        Index longest_chain = std::numeric_limits<Index>::max())
      : kernels_(product_kernels<T>()),
        a_(a.with_panels(a.rows_share_sets() ? kernels_.rows : most_rows(kernels_, b.extent),
                         kernels_.row_step)),
        b_(b.with_panels(kernels_.columns, kernels_.column_step)),
        k_(k),
        work_(static_cast<double>(a.extent) * static_cast<double>(b.extent) * static_cast<double>(k) / 8),
        roles_(a_, b_, k <= std::min(longest_chain, kernels_.depth) ? threads_for(a.extent, work_) : 1),
        a_shared_(roles_.a_is_shared),
        shared_(roles_.shared),
        cut_(roles_.cut),
        longest_chain_(longest_chain) {}

  /// Whether A's rows are cut into tasks, not B's columns.
  bool cuts_a() const { return !a_shared_; }
  void run(const T* bias, T* c) { return is_small() ? run_small(bias, c) : run_blocks(bias, c); }

  /// Whether update() can do it: k is one block, and rows of A lie side by side. Small products need no help.
  bool can_update() const {
    return product_update<T>() != nullptr && a_.k_major && k_ > 0 && k_ <= depth() && !is_small();
  }
  /// A step of Adam on parameters that lie as C would, with C, which is never written, as their gradient.
  void update(const AdamState<T>& state, const AdamFactors<T>& factors) {
    update_ = product_update<T>();
    updated_ = state;
    factors_ = &factors;
    run_blocks(nullptr, nullptr);
  }

 private:
  void run_blocks(const T* bias, T* c) {
    plan_ = ProductPlan(cut_, k_, depth(), work_);
    const Index tasks = plan_.tiles * plan_.parts, size = a_.extent * b_.extent;
    const int threads = threads_for(tasks, work_);
    cut_in_place_ = roles_.reads_in_place(cut_, divide_up(shared_.extent, shared_.width));
    // What a thread packs for itself meets its own tiles alone.
    shared_in_place_ = roles_.reads_in_place(
        shared_, plan_.tile / cut_.width * (plan_.parts > 1 ? plan_.tiles : divide_up(plan_.tiles, threads)));
    const bool packs_together =
        threads > 1 && plan_.tiles > 1 && !shared_in_place_ && shared_size() > own_shared_size;
    BasicTensor<T> shared = BasicTensor<T>::uninitialized({(packs_together ? 1 : threads) * shared_size()});
    BasicTensor<T> scratch = BasicTensor<T>::uninitialized({2 * threads * packed_size()});
    BasicTensor<T> partial = BasicTensor<T>::uninitialized({plan_.parts > 1 ? plan_.parts * size : 0});
    std::vector<Worker, PoolAllocator<Worker>> workers(static_cast<std::size_t>(threads));
    for (Worker& worker : workers) {
      const Index thread = &worker - workers.data();
      worker.panels = scratch.mutable_data() + thread * 2 * packed_size();
      worker.shared = shared.mutable_data() + (packs_together ? 0 : thread * shared_size());
      worker.has_shared = packs_together;
      worker.share_end = eigengrad::detail::share_begin(tasks, thread + 1, threads);
    }
    T* const sums = plan_.parts > 1 ? partial.mutable_data() : c;

    if (packs_together) pack_shared(shared.mutable_data());
    parallel_for(tasks, work_, [&](Index task, int thread) {
      const Index part = task / plan_.tiles;
      for (Index block = plan_.part_begin(part); block < plan_.part_begin(part + 1); ++block)
        compute_block(workers[static_cast<std::size_t>(thread)], {task, block}, sums + part * size,
                      plan_.parts > 1 ? nullptr : bias);
    });
    if (plan_.parts > 1) add_parts<T>(sums, plan_.parts, a_.extent, b_.extent, bias, c);
  }

  using Block = ProductBlock;
  /// Two buffers: while one is in use, the other receives what comes next.
  struct Worker {
    T* panels = nullptr;
    Index used = 0;
    Block ready;          // what is packed in the buffer that is not in use
    T* shared = nullptr;  // panels of the shared operand, its own or everybody's
    bool has_shared = false;
    Index share_end = 0;  // of the tasks that it most likely runs
  };

  /// Values of both operands' panels together that stay on the stack.
  static constexpr Index small_size = (32 << 10) / static_cast<Index>(sizeof(T));
  /// Values of the shared operand up to which a thread packs it for itself: it would wait longer for what
  /// another one has packed, line by line.
  static constexpr Index own_shared_size = (256 << 10) / static_cast<Index>(sizeof(T));

  /// Values by which a row of B that comes from memory is brought in ahead.
  static constexpr Index streamed_ahead = 256 / static_cast<Index>(sizeof(T));

  using Panels = ProductPanels<T>;

  /// The most steps of k in a block, which is a chain of sums.
  Index depth() const {
    return std::min(longest_chain_, roles_.b_comes_from_memory() ? kernels_.depth / 4 : kernels_.depth);
  }
  bool is_small() const {
    return k_ <= kernels_.depth && k_ <= longest_chain_ && (a_.padded + b_.padded) * k_ <= small_size &&
           threads_for(2, work_) == 1;
  }
  /// One block of everything: neither memory nor threads to manage, which would take longer than the product.
  void run_small(const T* bias, T* c) const {
    const FlushDenormals flush;
    alignas(64) T buffer[small_size];
    const Panels a = small_panels_of(a_, buffer), b = small_panels_of(b_, buffer + a_.padded * k_);
    multiply(a, b, 0, cut_.extent, k_, c, bias, false, nullptr);
  }
  /// Where the operand lies, if tiles can read it, but what its last panel would read behind it from a copy
  /// in `buffer`: the last rows, or where columns lie side by side, all. Packed there otherwise.
  Panels small_panels_of(const ProductOperand<T>& operand, T* buffer) const {
    if (!roles_.readable(operand)) {
      operand.pack(kernels_, 0, operand.extent, 0, k_, buffer);
      return {operand, 0, 0, buffer};
    }
    const Index end = operand.in_place_end(k_), first = operand.k_major && end < operand.extent ? 0 : end;
    if (first < operand.extent && k_ > 0) std::copy(operand.at(0, first), operand.end(), buffer);
    return {operand, 0, first, buffer - first * operand.i_step(), true};
  }

  /// A task's packed panels of a block: all, or the last one of the operand.
  Index packed_size() const {
    const Index most = round_up(std::min(plan_.tile, cut_.extent), cut_.step);
    return (cut_in_place_ ? std::min(cut_.width, most) : most) * plan_.k_block;
  }
  /// Packed panels of the shared operand: the last one, or all; a block at a time where no other task needs
  /// it again.
  Index shared_size() const {
    if (shared_in_place_) return std::min(shared_.width, shared_.padded) * plan_.k_block;
    return shared_.padded * (plan_.tiles == 1 ? plan_.k_block : k_);
  }

  /// The shared operand's panels of a block of k.
  Panels shared_panels(Worker& worker, Index block) const {
    const Index k = block * plan_.k_block, count = block_length(block);
    if (shared_in_place_ || plan_.tiles == 1) {
      const Index first = shared_in_place_ ? shared_.in_place_end(k + count) : 0;
      if (first < shared_.extent) pack_shared(block, first, shared_.extent, worker.shared);
      return {shared_, k, first, worker.shared - first * count};
    }
    if (!worker.has_shared)
      for (Index each = 0; each < plan_.k_blocks; ++each)
        pack_shared(each, 0, shared_.extent, worker.shared + each * plan_.k_block * shared_.padded);
    worker.has_shared = true;
    return {shared_, k, 0, worker.shared + k * shared_.padded};
  }

  void compute_block(Worker& worker, Block block, T* c, const T* bias) const {
    const bool first_block = block.block == plan_.part_begin(block.task / plan_.tiles);
    if (worker.ready == block)
      worker.used = 1 - worker.used;
    else
      pack_into(worker.panels + worker.used * packed_size(), block).finish();
    const Block next = plan_.after(block);
    const bool goes_on = next.task == block.task || next.task < worker.share_end;
    worker.ready = goes_on ? next : Block{};
    const Panels shared = shared_panels(worker, block.block);
    const Panels own{cut_, k_of(block), in_place_end(block),
                     worker.panels + worker.used * packed_size() - packed_begin(block) * length_of(block)};
    PackAhead<T> ahead;
    if (goes_on) ahead = pack_into(worker.panels + (1 - worker.used) * packed_size(), next);
    multiply(a_shared_ ? shared : own, a_shared_ ? own : shared, begin_of(block), end_of(block),
             length_of(block), c, bias, !first_block, ahead.is_needed() ? &ahead : nullptr);
  }

  Index block_length(Index block) const { return std::min(plan_.k_block, k_ - block * plan_.k_block); }
  Index length_of(Block block) const { return block_length(block.block); }
  /// The rows or columns of a task.
  Index begin_of(Block block) const { return block.task % plan_.tiles * plan_.tile; }
  Index end_of(Block block) const { return std::min(begin_of(block) + plan_.tile, cut_.extent); }

  /// The first panel of a task that has to be packed, or its end.
  Index packed_begin(Block block) const {
    return std::clamp(in_place_end(block), begin_of(block), end_of(block));
  }
  Index in_place_end(Block block) const {
    return cut_in_place_ ? cut_.in_place_end(k_of(block) + length_of(block)) : 0;
  }
  Index k_of(Block block) const { return block.block * plan_.k_block; }

  PackAhead<T> pack_into(T* panels, Block block) const {
    const Index first = packed_begin(block), last = end_of(block);
    if (first == last) return {};
    return {kernels_, cut_, first, last, k_of(block), length_of(block), panels};
  }

  /// Rows or columns [first, last) of a block of k of the shared operand.
  void pack_shared(Index block, Index first, Index last, T* panels) const {
    const Index count = block_length(block);
    shared_.pack(kernels_, first, last, block * plan_.k_block, count, panels);
  }
  void pack_shared(T* panels) const {
    const Index chunk = 4 * shared_.width, chunks = divide_up(shared_.extent, chunk);
    parallel_for(plan_.k_blocks * chunks, work_, [&](Index task) {
      const Index block = task / chunks, first = task % chunks * chunk;
      pack_shared(block, first, std::min(first + chunk, shared_.extent),
                  panels + block * plan_.k_block * shared_.padded + first * block_length(block));
    });
  }

  /// Adds the product over one block of k, for the range [first, last) of the operand that is cut, to C, and
  /// packs what comes next meanwhile.
  void multiply(const Panels& a, const Panels& b, Index first, Index last, Index count, T* c, const T* bias,
                bool accumulate, PackAhead<T>* next) const {
    const Index row_end = a_shared_ ? a_.extent : last, column_end = a_shared_ ? last : b_.extent;
    // Columns of B that stay where they are while A passes by: as many panels as half of the first-level
    // cache holds, but at least some in the second.
    const Index fitting = (16 << 10) / (b_.width * std::max<Index>(1, count) * static_cast<Index>(sizeof(T)));
    const Index chunk = std::max<Index>(8, fitting) * b_.width;
    const ProductRun run{0, 0, count};
    const Index line = 64 / static_cast<Index>(sizeof(T));
    const bool past_caches = plan_.k_blocks == 1 && c != nullptr && b_.extent % line == 0 &&
                             is_past_caches<T>(a_.extent * b_.extent);
    const Index column_begin = a_shared_ ? first : 0;
    if (next != nullptr)
      next->plan(divide_up(row_end - (a_shared_ ? 0 : first), a_.width) *
                     divide_up(column_end - column_begin, chunk),
                 divide_up(std::min(column_end - column_begin, chunk), b_.width), count);
    // A small one is in the second-level cache since the last columns.
    const bool brings_a = !a_shared_ || a_.extent * count > own_shared_size;
    const Index brought_rows = ProductLookahead<T>::rows_of_tile(count, count);
    ProductTile<T> tile;  // not {}: zeros take longer than a small product
    tile.c = nullptr;
    tile.runs = &run;
    tile.run_count = 1;
    tile.c_row_step = b_.extent;
    tile.accumulate = accumulate;
    tile.past_caches = past_caches;
    const bool streams = roles_.b_comes_from_memory();
    if (streams) tile.b_ahead = streamed_ahead;
    for (Index from = column_begin; from < column_end; from += chunk)
      for (Index i = a_shared_ ? 0 : first, rows; i < row_end; i += rows) {
        rows = a.are_all_in_place() ? tile_height(kernels_, a_.width, row_end - i) : a_.panel_used(i);
        tile.a = a.data(i, count);
        tile.a_step = a.k_step(i);
        tile.a_row_step = a.i_step(i);
        tile.rows = rows;
        ProductLookahead<T> next_a;
        if (brings_a && i + rows < row_end) next_a = a.lookahead(i + rows, count);
        next_a.spread(brought_rows);
        for (Index j = from, end; j < std::min(from + chunk, column_end); j = end) {
          end = std::min({from + chunk, column_end, b.alike_end(j)});
          const Index tiles = divide_up(end - j, b_.width), at = i * b_.extent + j;
          tile.b = b.data(j, count);
          tile.b_step = tile.b_unit = b.k_step(j);
          tile.b_next = b.next_panel(j, count);
          tile.columns = end - j;
          tile.bias = bias == nullptr ? nullptr : bias + j;
          tile.ahead_rows = 0;
          if (streams) tile.ahead_length = tile.ahead_stride = 0;
          if (next != nullptr) next->before(tile, tiles);
          next_a.share(tile, tiles);
          if (c != nullptr) {
            tile.c = c + at;
            kernels_.tile(tile);
          } else {
            update_(tile, updated_ + at, *factors_);
          }
        }
      }
    if (past_caches) std::atomic_thread_fence(std::memory_order_seq_cst);
    if (next != nullptr) next->finish();
  }

  const ProductKernels<T>& kernels_;
  ProductOperand<T> a_, b_;
  Index k_;
  double work_;
  ProductRoles<T> roles_;
  bool a_shared_;  // short for what roles_ says
  const ProductOperand<T>&shared_, &cut_;
  Index longest_chain_;
  ProductPlan plan_;
  ProductUpdate<T> update_ = nullptr;
  AdamState<T> updated_ = {};
  const AdamFactors<T>* factors_ = nullptr;
  bool cut_in_place_ = false, shared_in_place_ = false;  // read where they lie
};

}  // namespace eigengrad::kernels::detail
