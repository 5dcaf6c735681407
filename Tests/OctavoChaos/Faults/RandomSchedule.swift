import ArgumentParser
import OctavoTestSupport

/// Rounds of faults drawn by a seed. The schedule is the seed's; what a machine makes of it differs each time.
struct RandomSchedule {
    private var random: SeededGenerator
    private var rounds = 0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// Some faults after another, in one batch.
    mutating func nextRound() -> Fault {
        rounds += 1
        var drawn: [(fault: Fault, pause: Duration)] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard let fault = Fault.all.filter(\.isComposable).randomElement(using: &random) else { continue }
            drawn.append((fault, .milliseconds(Int.random(in: 0...1500, using: &random))))
        }
        let faults = drawn
        var workload = Workload(name: "random")
        workload.requests = 900
        return Fault("\(rounds)", "", workload: workload, pace: .impatient) { fault in
            fault.patience = .seconds(600)
        } strike: { trial in
            trial.journal.remark(faults.map(\.fault.name).joined(separator: ", "))
            for (fault, pause) in faults {
                try await fault.strike(trial)
                try await Task.sleep(for: pause)
                try await trial.fleet.keepUp()
            }
        }
    }
}

/// A length of time, written as `90s`, `60m` or `1h`.
struct TimeSpan: ExpressibleByArgument {
    var duration: Duration

    init?(argument: String) {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = Double(argument.dropLast()), count > 0,
            count * unit < 1e7
        else { return nil }
        duration = .seconds(count * unit)
    }
}
