import Foundation
import Synchronization

/// A fixed team of threads that compute together: each call of `run` is one phase, ended by a barrier.
///
/// Between phases the threads spin for some tens of microseconds, since the next phase of a step comes sooner than a
/// sleeping thread could be woken; after that they sleep.
public final class ComputeThreads: Sendable {
    /// Threads in the team, the caller included.
    public let count: Int
    private let team: Team

    /// Starts a team. `count` defaults to the CPUs that this process may use.
    public init(count: Int = ComputeThreads.availableProcessors) {
        precondition(count > 0, "a team needs a thread")
        self.count = count
        team = Team(helpers: count - 1)
        for index in 1..<max(count, 1) {
            let thread = Thread { [team] in team.help(index: index) }
            thread.name = "octavo.compute.\(index)"
            thread.qualityOfService = .userInitiated
            thread.start()
        }
    }

    deinit { team.dismiss() }

    /// Runs `body` once on every thread of the team, with the thread's index, and returns when all are done.
    public func run(_ body: @Sendable (_ index: Int) -> Void) {
        guard count > 1 else { return body(0) }
        withoutActuallyEscaping(body) { team.execute($0) }
    }

    /// Runs `body` for every item below `items`; a thread that is free takes the next.
    package func run(items: Int, _ body: @Sendable (_ thread: Int, _ item: Int) -> Void) {
        let next = Atomic(0)
        run { thread in
            while true {
                let item = next.add(1, ordering: .relaxed).oldValue
                guard item < items else { return }
                body(thread, item)
            }
        }
    }

    /// The part of `0..<total` that thread `index` takes, in whole multiples of `unit`.
    package func share(_ total: Int, index: Int, unit: Int = 1) -> Range<Int> {
        let units = (total + unit - 1) / unit
        return min(total, units * index / count * unit)..<min(total, units * (index + 1) / count * unit)
    }

    /// The CPUs that this process may use: those of its affinity mask, cut by its cgroup's quota.
    public static var availableProcessors: Int {
        let processors = ProcessInfo.processInfo.activeProcessorCount
        return max(1, min(processors, cgroupQuota ?? processors))
    }

    /// The whole CPUs that control groups (version 2) grant, if they set a limit.
    private static var cgroupQuota: Int? {
        guard let text = try? String(contentsOfFile: "/sys/fs/cgroup/cpu.max", encoding: .utf8) else { return nil }
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), period > 0 else {
            return nil
        }
        return max(1, Int((quota / period).rounded(.up)))
    }
}

/// What the threads of a team share. It outlives the team until the last thread has left.
private final class Team: @unchecked Sendable {
    typealias Body = @Sendable (Int) -> Void

    private let helpers: Int
    /// Counts phases; a helper waits for it to change.
    private let phase = Atomic<Int>(0)
    /// Helpers that have not finished the phase.
    private let remaining = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let wake = NSCondition()
    private let turn = NSLock()
    // Written by the caller of `execute` before `phase` changes and read by helpers after; nil dismisses them.
    private var body: Body?

    /// About 50 microseconds of pauses: longer than any gap within a step.
    private static let spins = 2000

    init(helpers: Int) { self.helpers = helpers }

    func execute(_ body: @escaping Body) {
        turn.withLock {
            self.body = body
            remaining.store(helpers, ordering: .relaxed)
            begin()
            body(0)
            var spins = 0
            while remaining.load(ordering: .acquiring) > 0 {
                spins += 1
                if spins < Self.spins { Kernels.pause() } else { sched_yield() }
            }
            self.body = nil
        }
    }

    func dismiss() {
        turn.withLock {
            body = nil
            begin()
        }
    }

    private func begin() {
        phase.add(1, ordering: .sequentiallyConsistent)
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        wake.lock()
        wake.broadcast()
        wake.unlock()
    }

    func help(index: Int) {
        var seen = 0
        while true {
            waitForPhase(after: seen)
            seen += 1
            guard body != nil else { return }
            body?(index)
            remaining.subtract(1, ordering: .releasing)
        }
    }

    private func waitForPhase(after seen: Int) {
        for _ in 0..<Self.spins {
            if phase.load(ordering: .acquiring) != seen { return }
            Kernels.pause()
        }
        wake.lock()
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while phase.load(ordering: .sequentiallyConsistent) == seen { wake.wait() }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        wake.unlock()
    }
}
