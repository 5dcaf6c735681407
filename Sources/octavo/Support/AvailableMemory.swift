import Foundation

/// The memory that this process may still take.
enum AvailableMemory {
    /// Bytes that the machine, and the process's cgroup if it has a limit, can give without swapping.
    static var bytes: Int {
        let machine = kernelCount("/proc/meminfo", "MemAvailable:").map { $0 * 1024 }
        return min(machine ?? Int(clamping: ProcessInfo.processInfo.physicalMemory), cgroup ?? .max)
    }

    /// What is left of the limit of the cgroup (version 2); file pages that can be dropped count as free.
    private static var cgroup: Int? {
        let folder = "/sys/fs/cgroup/"
        guard let limit = number(folder + "memory.max"), let used = number(folder + "memory.current") else {
            return nil
        }
        return max(0, limit - used + (kernelCount(folder + "memory.stat", "inactive_file") ?? 0))
    }

    private static func number(_ path: String) -> Int? {
        (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    /// The number that follows a name at the beginning of a line, as in "MemAvailable:  123456 kB".
    private static func kernelCount(_ path: String, _ name: String) -> Int? {
        let lines = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
        let words = lines.lazy.map { $0.split(whereSeparator: \.isWhitespace) }.first { $0.first == name[...] }
        return words?.dropFirst().first.flatMap { Int($0) }
    }
}
