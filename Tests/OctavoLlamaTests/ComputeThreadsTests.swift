import Foundation
import OctavoLlama
import Synchronization
import Testing

@Suite struct ComputeThreadsTests {
    @Test(arguments: [1, 2, 3, 4, 7])
    func `a phase runs once on every thread, and ends when all have`(count: Int) {
        let threads = ComputeThreads(count: count)
        let calls = AlignedBuffer<Int>(count: count)
        for phase in 1...2000 {
            // Each thread writes its own element, without any synchronization but the phase's.
            threads.run { index in calls.base[index] += 1 }
            for index in 0..<count where calls.base[index] != phase {
                Issue.record("thread \(index) ran \(calls.base[index]) times in \(phase) phases")
            }
        }
    }

    @Test(arguments: [1, 2, 3, 5, 8])
    func `the shares of the threads cover every index once`(count: Int) {
        let threads = ComputeThreads(count: count)
        for total in Array(0...40) + [1000, 1023] {
            for unit in [1, 4, 16] {
                let shares = (0..<count).map { threads.share(total, index: $0, unit: unit) }
                #expect(shares.flatMap { Array($0) } == Array(0..<total))
                #expect(shares.allSatisfy { $0.lowerBound % unit == 0 || $0.isEmpty })
                let units = shares.map { ($0.count + unit - 1) / unit }
                #expect((units.max() ?? 0) - (units.min() ?? 0) <= 1)
            }
        }
    }

    @Test func `what one phase wrote, the next one reads on any thread`() {
        let threads = ComputeThreads(count: 3)
        let size = 300
        let (first, second) = (AlignedBuffer<Int>(count: size), AlignedBuffer<Int>(count: size))
        for round in 0..<1000 {
            threads.run { index in
                for element in threads.share(size, index: index) { first.base[element] = round + element }
            }
            threads.run { index in
                for element in threads.share(size, index: index) {
                    second.base[element] = first.base[size - 1 - element]
                }
            }
            for element in 0..<size where second.base[element] != round + size - 1 - element {
                Issue.record("round \(round), element \(element)")
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 3, 5])
    func `what threads wrote before a barrier, all read after it`(count: Int) {
        let threads = ComputeThreads(count: count)
        let size = 60
        let (first, second) = (AlignedBuffer<Int>(count: size), AlignedBuffer<Int>(count: size))
        let wrong = Atomic(0)
        threads.run { index in
            for round in 0..<1000 {
                for element in threads.share(size, index: index) { first.base[element] = round + element }
                threads.barrier()
                for element in threads.share(size, index: index) {
                    second.base[element] = first.base[size - 1 - element]
                }
                threads.barrier()
                for element in 0..<size where second.base[element] != round + size - 1 - element {
                    wrong.add(1, ordering: .relaxed)
                }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }

    @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 4])
    func `every item is taken once, after each barrier anew`(count: Int) {
        let threads = ComputeThreads(count: count)
        let (rounds, items) = (300, 17)
        let taken = (0..<items).map { _ in Counter() }
        let surprises = Atomic(0)
        let announcements = Atomic(0)
        threads.run { _ in
            for _ in 0..<rounds {
                var announced: Int?
                threads.takeItems(items) { item, next in
                    if let announced, announced != item { surprises.add(1, ordering: .relaxed) }
                    announced = next
                    if next != nil { announcements.add(1, ordering: .relaxed) }
                    taken[item].value.add(1, ordering: .relaxed)
                }
                threads.barrier()
            }
        }
        #expect(taken.map { $0.value.load(ordering: .relaxed) } == Array(repeating: rounds, count: items))
        #expect(surprises.load(ordering: .relaxed) == 0)
        // All but the first that a thread takes, and at most the last ones, one a thread.
        #expect(announcements.load(ordering: .relaxed) >= rounds * (items - 2 * count))
    }

    @Test(.timeLimit(.minutes(1)), arguments: [2, 3])
    func `no thread takes ahead what another is free for`(count: Int) {
        let threads = ComputeThreads(count: count)
        let started = Atomic(0)
        threads.run { _ in
            threads.takeItems(count) { _, _ in
                // Ends only if every thread has an item.
                started.add(1, ordering: .relaxed)
                while started.load(ordering: .relaxed) < count { sched_yield() }
            }
        }
        #expect(started.load(ordering: .relaxed) == count)
    }

    @Test(.timeLimit(.minutes(1))) func `a thread that comes late to a barrier finds those asleep that wait for it`() {
        let threads = ComputeThreads(count: 3)
        let met = Atomic(0)
        for round in 0..<6 {
            threads.run { index in
                if index == round % 3 { Thread.sleep(forTimeInterval: 0.03) }
                threads.barrier()
                met.add(1, ordering: .relaxed)
            }
        }
        #expect(met.load(ordering: .relaxed) == 18)
    }

    @Test(.timeLimit(.minutes(5)))
    func `thousands of phases end, with more threads than processors`() {
        let threads = ComputeThreads(count: 4)
        let sums = AlignedBuffer<Int>(count: 4)
        for _ in 0..<20_000 { threads.run { index in sums.base[index] += 1 } }
        #expect((0..<4).map { sums.base[$0] } == [20_000, 20_000, 20_000, 20_000])
    }

    @Test func `threads that fell asleep wake for the next phase`() {
        let threads = ComputeThreads(count: 3)
        let calls = Atomic(0)
        for _ in 0..<20 {
            Thread.sleep(forTimeInterval: 0.004)
            threads.run { _ in calls.add(1, ordering: .relaxed) }
        }
        #expect(calls.load(ordering: .relaxed) == 60)
    }

    @Test func `phases of several callers take turns`() {
        let threads = ComputeThreads(count: 2)
        let active = Atomic(0)
        let overlaps = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<200 {
                let caller = Atomic(0)
                threads.run { index in
                    if index == 0, active.add(1, ordering: .acquiringAndReleasing).oldValue != 0 {
                        overlaps.add(1, ordering: .relaxed)
                    }
                    caller.add(1, ordering: .relaxed)
                    if index == 0 { active.subtract(1, ordering: .acquiringAndReleasing) }
                }
                if caller.load(ordering: .relaxed) != 2 { Issue.record("a phase ended early") }
            }
        }
        #expect(overlaps.load(ordering: .relaxed) == 0)
    }

    @Test func `teams come and go`() {
        for count in 1...60 {
            let threads = ComputeThreads(count: count % 5 + 1)
            let calls = Atomic(0)
            if count % 2 == 0 { threads.run { _ in calls.add(1, ordering: .relaxed) } }
            #expect(calls.load(ordering: .relaxed) == (count % 2 == 0 ? threads.count : 0))
        }
    }
}

private final class Counter: Sendable {
    let value = Atomic(0)
}
