import Foundation
import OctavoCore
package import OctavoEngine

/// A file of what each step computed, one JSON object a line, complete up to the moment a process is killed.
package final class StepTrace: Sendable {
    private let descriptor: Int32

    /// Opens a file to append to; several processes may share it.
    ///
    /// - Throws: a `POSIXError` when it cannot be written.
    package init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    deinit { close(descriptor) }

    /// Appends a step.
    package func write(_ step: StepStatistics) {
        let object: JSONValue = [
            "pid": .integer(Int(getpid())), "prefill_tokens": .integer(step.prefillTokens),
            "cached_tokens": .integer(step.cachedTokens), "wasted_tokens": .integer(step.wastedTokens),
            "sampled_tokens": .integer(step.sampledTokens), "active_rows": .integer(step.activeRows),
            "seconds": .double(step.duration / .seconds(1)),
        ]
        let line = Array((object.jsonText + "\n").utf8)
        _ = line.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
    }
}
