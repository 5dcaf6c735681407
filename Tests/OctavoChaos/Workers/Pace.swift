import ArgumentParser
import Foundation

/// How fast a worker is, and how impatient: everything is shorter than in earnest, so that a fault takes seconds.
struct Pace: Codable, Sendable, Hashable, ExpressibleByArgument {
    /// How long a step of the model of letters takes.
    var stepMilliseconds = 5
    /// The most completions decoded together.
    var maximumBatch = 8
    /// The most tokens of a completion that a crash may lose.
    var checkpointTokens = 8
    /// The most requests of a lease.
    var leaseSize = 24
    /// How long a silent worker keeps its lease: 60 s in earnest.
    var leaseMilliseconds = 3000
    /// How long a silent server is believed in: 30 s in earnest.
    var patienceMilliseconds = 3000
    /// How long a step may take: 10 min in earnest.
    var stepLimitMilliseconds = 10_000

    init() {}

    /// The pace that is written in JSON.
    init?(argument: String) {
        guard let pace = try? JSONDecoder().decode(Pace.self, from: Data(argument.utf8)) else { return nil }
        self = pace
    }

    /// This pace in JSON.
    var json: String { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}" }

    /// How long a silent worker keeps its lease.
    var leaseDuration: Duration { .milliseconds(leaseMilliseconds) }
}
