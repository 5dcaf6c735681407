import Foundation
import OctavoFiles
import OctavoQueue

/// Shows how far a batch has come, on a terminal in place, else now and then as a line.
struct ProgressReporter {
    private var lastLine = ContinuousClock.now

    /// Follows a batch until the task is cancelled.
    static func follow(_ batch: Int64, queue: Queue) async {
        var reporter = ProgressReporter()
        let forecaster = BatchForecaster(queue)
        while !Task.isCancelled {
            try? await Task.sleep(for: Console.isTerminal ? .milliseconds(500) : .seconds(5))
            guard let status = try? await queue.status(batch: batch).first else { continue }
            reporter.report(status, secondsLeft: await forecaster.secondsLeft(status))
        }
        Console.clearProgress()
    }

    private mutating func report(_ status: BatchStatus, secondsLeft: Double?) {
        let line = Self.line(status, secondsLeft: secondsLeft)
        if Console.isTerminal { return Console.progress(line) }
        guard ContinuousClock.now - lastLine >= .seconds(30) else { return }
        lastLine = .now
        Console.note(line)
    }

    /// A batch's progress in one line: share, counts, rate, time left.
    static func line(_ status: BatchStatus, secondsLeft: Double?) -> String {
        let summary = status.summary
        let ended = summary.done + summary.failed
        var parts = [
            "\(summary.name): \(Format.count(ended))/\(Format.count(summary.total)) "
                + "(\(Format.percent(ended, of: summary.total)))"
        ]
        if summary.failed > 0 { parts.append("\(Format.count(summary.failed)) failed") }
        if status.retrying > 0 { parts.append("\(Format.count(status.retrying)) to retry") }
        if status.tokensPerSecond > 0 { parts.append("\(Format.decimal(status.tokensPerSecond, places: 0)) tokens/s") }
        if let secondsLeft { parts.append("\(Format.duration(secondsLeft)) left") }
        return parts.joined(separator: ", ")
    }
}
