import Foundation

/// How many damaged files a test opens, and from which seed on; `scripts/fuzz-readers` asks for more than a test run does.
///
/// Case `i` of seed `s` is case 0 of seed `s + i`, so a campaign that ends in a trap is narrowed down by shorter ones.
public struct FuzzCampaign: Sendable {
    /// The cases of each campaign.
    public let count: Int
    /// The first case's seed.
    public let seed: UInt64

    /// `OCTAVO_FUZZ_COUNT` cases, else 2,000, from `OCTAVO_FUZZ_SEED`, else a seed drawn at random.
    public static let current: FuzzCampaign = {
        let environment = ProcessInfo.processInfo.environment
        return FuzzCampaign(
            count: environment["OCTAVO_FUZZ_COUNT"].flatMap { Int($0) } ?? 2000,
            seed: environment["OCTAVO_FUZZ_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 48))
    }()

    /// Runs all cases, each with the random numbers of its own seed.
    public func run(_ name: String, _ body: (inout SeededGenerator) throws -> Void) throws {
        print("damaged \(name): \(count) cases from seed \(seed)")
        for index in 0..<count {
            if count > 2000, index % 10_000 == 0 { print("damaged \(name): case \(index)") }
            var generator = SeededGenerator(seed: seed &+ UInt64(index))
            try body(&generator)
        }
    }
}
