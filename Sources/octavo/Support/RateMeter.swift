import Synchronization

/// Estimates the time left of a phase from what it has done so far.
final class RateMeter: Sendable {
    private struct Start {
        var phase: String
        var time: ContinuousClock.Instant
        var done: Double
    }

    private let start = Mutex<Start?>(nil)

    /// The seconds left; `nil` in the first second of a phase.
    func secondsLeft(done: Double, of total: Double, phase: String) -> Double? {
        perSecond(done: done, phase: phase).map { (total - done) / $0 }
    }

    /// What was done in a second of the phase, on average; `nil` in its first second.
    func perSecond(done: Double, phase: String) -> Double? {
        start.withLock { start in
            let now = ContinuousClock.now
            guard let began = start, began.phase == phase else {
                start = Start(phase: phase, time: now, done: done)
                return nil
            }
            let seconds = (now - began.time) / .seconds(1)
            guard seconds > 1, done > began.done else { return nil }
            return (done - began.done) / seconds
        }
    }
}
