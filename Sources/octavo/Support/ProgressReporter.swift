import Foundation
import OctavoFiles
import OctavoQueue

/// Shows how far a batch has come, on a terminal in place, else now and then as a line.
struct ProgressReporter {
    private var lastLine = ContinuousClock.now

    /// Follows a batch until the task is cancelled.
    static func follow(_ batch: Int64, queue: Queue) async {
        var reporter = ProgressReporter()
        while !Task.isCancelled {
            try? await Task.sleep(for: Console.isTerminal ? .milliseconds(500) : .seconds(5))
            guard let status = try? await queue.status(batch: batch).first else { continue }
            reporter.report(status)
        }
        Console.clearProgress()
    }

    private mutating func report(_ status: BatchStatus) {
        let line = Self.line(status)
        if Console.isTerminal { return Console.progress(line) }
        guard ContinuousClock.now - lastLine >= .seconds(30) else { return }
        lastLine = .now
        Console.note(line)
    }

    /// A batch's progress in one line: share, counts, rate, time left.
    static func line(_ status: BatchStatus) -> String {
        let summary = status.summary
        let ended = summary.done + summary.failed
        var parts = [
            "\(summary.name): \(Format.count(ended))/\(Format.count(summary.total)) "
                + "(\(Format.percent(ended, of: summary.total)))"
        ]
        if summary.failed > 0 { parts.append("\(Format.count(summary.failed)) failed") }
        if status.retrying > 0 { parts.append("\(Format.count(status.retrying)) to retry") }
        if status.tokensPerSecond > 0 { parts.append("\(Format.decimal(status.tokensPerSecond, places: 0)) tokens/s") }
        if let seconds = secondsLeft(status) { parts.append("\(Format.duration(seconds)) left") }
        return parts.joined(separator: ", ")
    }

    /// The time left at the rate of the whole run so far.
    static func secondsLeft(_ status: BatchStatus) -> Double? {
        let summary = status.summary
        let ended = summary.done + summary.failed
        guard summary.state == .active, ended > 0, let seconds = summary.secondsRunning, seconds > 0 else { return nil }
        return Double(summary.total - ended) * seconds / Double(ended)
    }
}
