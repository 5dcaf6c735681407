import Foundation
import OctavoCore
import Synchronization

/// Results go to stdout, everything else to stderr; a line that is rewritten in place only to a terminal.
enum Console {
    /// Whether stderr is a terminal.
    static let isTerminal = isatty(STDERR_FILENO) == 1
    private static let hasProgress = Mutex(false)

    /// Prints a result line.
    static func result(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// Prints a result as one line of JSON.
    static func result(_ json: JSONValue) { result(json.jsonText) }

    /// Prints a remark.
    static func note(_ text: String) {
        clearProgress()
        write(text + "\n", to: STDERR_FILENO)
    }

    /// Prints an error.
    static func error(_ text: String) { note("octavo: \(text)") }

    /// Rewrites the progress line, on a terminal.
    static func progress(_ text: String) {
        guard isTerminal else { return }
        hasProgress.withLock { $0 = true }
        write("\r\u{1B}[2K" + text, to: STDERR_FILENO)
    }

    /// Removes the progress line.
    static func clearProgress() {
        let had = hasProgress.withLock { had in
            defer { had = false }
            return had
        }
        if had { write("\r\u{1B}[2K", to: STDERR_FILENO) }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { start += count } else if errno != EINTR { return }
        }
    }
}
