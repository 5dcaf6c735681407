import Foundation

/// The memory of this process, as the system counts it.
enum ProcessMemory {
    /// The most bytes that were in memory at once.
    static var peak: Int? {
        // "VmHWM:   123456 kB", in units of 1,024 bytes; see proc(5).
        let lines = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8))?.split(separator: "\n") ?? []
        guard let line = lines.first(where: { $0.hasPrefix("VmHWM:") }) else { return nil }
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
