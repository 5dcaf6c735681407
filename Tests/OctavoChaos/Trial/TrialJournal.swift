import Foundation
import Synchronization

/// What is noted down in the course of a trial.
final class TrialJournal: Sendable {
    /// The notes.
    struct Notes: Sendable {
        /// When the fault struck, in seconds since 1970.
        var struck: Double?
        /// Workers that were killed in the midst of their work.
        var kills = 0
        /// What was not as it has to be.
        var problems: [String] = []
        /// Figures of this fault alone.
        var remarks: [String] = []
    }

    private let state = Mutex(Notes())

    /// All notes.
    var notes: Notes { state.withLock { $0 } }

    /// The fault strikes now. Only the first time counts.
    func strike() { state.withLock { $0.struck = $0.struck ?? Date().timeIntervalSince1970 } }

    /// A worker was killed.
    func countKill() { state.withLock { $0.kills += 1 } }

    /// Notes a problem unless a condition holds.
    func check(_ condition: Bool, _ problem: @autoclosure () -> String) {
        guard !condition else { return }
        let text = problem()
        state.withLock { $0.problems.append(text) }
    }

    /// Notes a figure.
    func remark(_ text: String) { state.withLock { $0.remarks.append(text) } }
}
