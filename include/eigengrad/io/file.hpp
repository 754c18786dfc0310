/// Files: positioned reads with a size known beforehand, and writes that leave either the old file or the
/// whole new one. The only place that calls the operating system (POSIX).
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <initializer_list>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "eigengrad/core/check.hpp"

namespace eigengrad {
namespace detail {

inline std::string errno_text() {
  return std::generic_category().message(errno);
}

/// An open file descriptor, closed at the end of its scope.
class FileDescriptor {
 public:
  FileDescriptor(const char* path, int flags, mode_t mode = 0)
      : descriptor_(::open(path, flags | O_CLOEXEC, mode)) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  bool close() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    return descriptor < 0 || ::close(descriptor) == 0;
  }

 private:
  int descriptor_;
};

}  // namespace detail

/// A regular file open for reading. Errors start with `operation` and name the file.
class InputFile {
 public:
  InputFile(const char* operation, std::string path)
      : operation_(operation),
        path_(std::move(path)),
        file_(path_.c_str(), O_RDONLY | O_NONBLOCK) {  // a pipe must not block before it is refused below
    check(file_.is_open(), operation_, ": ", path_, ": cannot be opened: ", detail::errno_text());
    struct stat status {};
    check(::fstat(file_.get(), &status) == 0, operation_, ": ", path_, ": ", detail::errno_text());
    check(S_ISREG(status.st_mode), operation_, ": ", path_, ": not a regular file");
    size_ = static_cast<std::size_t>(status.st_size);
  }

  const std::string& path() const { return path_; }
  std::size_t size() const { return size_; }

  /// Fills `bytes` with what stands at `offset`; throws when the file ends before.
  void read(std::size_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      check(count >= 0, operation_, ": ", path_, ": byte ", offset,
            ": cannot be read: ", detail::errno_text());
      check(count > 0, operation_, ": ", path_, ": byte ", offset, ": the file ends; ", bytes.size(),
            " more bytes are expected");
      offset += static_cast<std::size_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  /// Throws unless `condition` holds, naming the file, the byte offset and the reason.
  template <class... Parts>
  void check_at(bool condition, std::size_t offset, const Parts&... reason) const {
    if (!condition) [[unlikely]]
      fail(operation_, ": ", path_, ": byte ", offset, ": ", reason...);
  }

 private:
  const char* operation_;
  std::string path_;
  detail::FileDescriptor file_;
  std::size_t size_ = 0;
};

/// The contents of a regular file. Throws, naming the file and the system's reason, when it cannot be read.
inline std::vector<std::byte> read_file(const std::string& path) {
  const InputFile file("read_file", path);
  std::vector<std::byte> bytes(file.size());
  file.read(0, bytes);
  return bytes;
}

namespace detail {

/// Writes everything and waits until it is on the disk; false with errno set on failure.
inline bool write_and_sync(FileDescriptor& file, std::span<const std::span<const std::byte>> parts) {
  for (std::span<const std::byte> part : parts) {
    while (!part.empty()) {
      const ssize_t count = ::write(file.get(), part.data(), part.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      part = part.subspan(static_cast<std::size_t>(count));
    }
  }
  return ::fsync(file.get()) == 0 && file.close();
}

/// The rename itself survives a power failure only once the folder is on the disk; not every file system can
/// do that.
inline void sync_folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileDescriptor descriptor(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor.is_open()) ::fsync(descriptor.get());
}

}  // namespace detail

/// Replaces the file by the concatenation of `parts`: written to a temporary file beside it, synchronised,
/// renamed. After a failure or a crash the old file is still there, whole. Throws, naming the file and the
/// system's reason.
inline void write_file_atomically(const std::string& path,
                                  std::span<const std::span<const std::byte>> parts) {
  static std::atomic<unsigned> serial = 0;
  const std::string temporary = detail::concatenate_text(path, ".partial-", ::getpid(), "-", ++serial);
  detail::FileDescriptor file(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
  check(file.is_open(), "write_file_atomically: ", path,
        ": cannot create a temporary file beside it: ", detail::errno_text());
  const char* step = "cannot be written: ";
  bool done = detail::write_and_sync(file, parts);
  if (done) {
    step = "cannot be replaced: ";
    done = std::rename(temporary.c_str(), path.c_str()) == 0;
  }
  if (!done) {
    const std::string reason = detail::errno_text();
    ::unlink(temporary.c_str());
    fail("write_file_atomically: ", path, ": ", step, reason);
  }
  detail::sync_folder_of(path);
}

inline void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, std::span(&bytes, 1));
}

}  // namespace eigengrad
