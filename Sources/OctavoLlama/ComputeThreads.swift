import Foundation
import Synchronization

/// A fixed team of threads that compute together: a call of `run` hands all of them the same work and returns when all are
/// done. Within it they may meet at any number of barriers.
///
/// A thread that waits spins for some tens of microseconds, since the others are there sooner than a sleeping thread could
/// be woken; then it lets other threads run, and at last it sleeps.
public final class ComputeThreads: Sendable {
    /// Threads in the team, the caller included.
    public let count: Int
    private let team: Team

    /// Starts a team. `count` defaults to the CPUs that this process may use.
    public init(count: Int = ComputeThreads.availableProcessors) {
        precondition(count > 0, "a team needs a thread")
        self.count = count
        team = Team(count: count)
        for index in 1..<count {
            let thread = Thread { [team] in team.help(index: index) }
            thread.name = "octavo.compute.\(index)"
            thread.qualityOfService = .userInitiated
            thread.start()
        }
    }

    deinit { team.dismiss() }

    /// Runs `body` once on every thread of the team, with the thread's index, and returns when all are done. Not to be called
    /// within `run`.
    public func run(_ body: @Sendable (_ index: Int) -> Void) {
        guard count > 1 else { return team.executeAlone(body) }
        withoutActuallyEscaping(body) { team.execute($0) }
    }

    /// Waits until every thread of the team is here: what each wrote before, all may read after. To be called within `run`,
    /// by all threads alike.
    package func barrier() { team.barrier() }

    /// Calls `body` for every item below `items` that no other thread has taken, with the one that this thread will have
    /// next, as far as that is decided. To be called within `run`, by all threads alike, and not twice without a barrier
    /// between.
    package func takeItems(_ items: Int, _ body: (_ item: Int, _ next: Int?) -> Void) {
        var taken = team.nextItem(below: items)
        while let item = taken {
            // The last ones, one a thread, are not taken ahead: another thread may be free sooner.
            let next = item + count < items ? team.nextItem(below: items) : nil
            body(item, next)
            taken = next ?? team.nextItem(below: items)
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

    private let count: Int
    /// Counts what all threads go on from: the beginnings of runs, and barriers.
    private let phase = Atomic<Int>(0)
    /// Threads that are at the next barrier.
    private let arrived = Atomic<Int>(0)
    /// The first item that no thread has taken since the phase began.
    private let item = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let wake = NSCondition()
    private let turn = NSLock()
    // Written by the caller of `execute` before `phase` changes and read by helpers after; nil dismisses them.
    private var body: Body?

    /// About 50 microseconds of pauses: longer than most waits within a step.
    private static let spins = 2000
    /// Turns given to other threads before a thread sleeps: a late one may be waiting for this CPU.
    private static let yields = 200

    init(count: Int) { self.count = count }

    func execute(_ body: @escaping Body) {
        turn.withLock {
            self.body = body
            beginPhase()
            body(0)
            barrier()
            self.body = nil
        }
    }

    /// The same for a team of one, to which nothing needs to be lent.
    func executeAlone(_ body: (Int) -> Void) {
        turn.withLock {
            item.store(0, ordering: .relaxed)
            body(0)
        }
    }

    func dismiss() {
        turn.withLock {
            body = nil
            beginPhase()
        }
    }

    func help(index: Int) {
        var seen = 0
        while true {
            wait(after: seen)
            guard body != nil else { return }
            // Bound to no name: whoever lent it finds it still in use otherwise, when the run ends.
            body?(index)
            seen = barrier()
        }
    }

    /// Returns the number of the phase that follows.
    @discardableResult
    func barrier() -> Int {
        // It cannot change before this thread has arrived.
        let seen = phase.load(ordering: .relaxed)
        if arrived.add(1, ordering: .acquiringAndReleasing).newValue == count {
            arrived.store(0, ordering: .relaxed)
            beginPhase()
        } else {
            wait(after: seen)
        }
        return seen + 1
    }

    func nextItem(below items: Int) -> Int? {
        let next = item.add(1, ordering: .relaxed).oldValue
        return next < items ? next : nil
    }

    private func beginPhase() {
        item.store(0, ordering: .relaxed)
        phase.add(1, ordering: .sequentiallyConsistent)
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        wake.lock()
        wake.broadcast()
        wake.unlock()
    }

    private func wait(after seen: Int) {
        for attempt in 0..<Self.spins + Self.yields {
            if phase.load(ordering: .acquiring) != seen { return }
            if attempt < Self.spins { Kernels.pause() } else { sched_yield() }
        }
        wake.lock()
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while phase.load(ordering: .sequentiallyConsistent) == seen { wake.wait() }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        wake.unlock()
    }
}
