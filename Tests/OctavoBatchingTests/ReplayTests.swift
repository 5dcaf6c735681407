import OctavoBatching
import Testing

@Suite struct ReplayTests {
    @Test(arguments: [false, true], [1, 2, 3] as [UInt64])
    func `from a twentieth on, the time that a mixed batch takes is foretold within a tenth`(
        isCorrelated: Bool, seed: UInt64
    ) throws {
        let batch = ReplayedBatch(count: 4000, isCorrelated: isCorrelated, seed: seed)
        let shares = (1...19).map { Double($0) / 20 }
        let replay = batch.replay(lookingAt: shares)
        var errors: [Double] = []
        for moment in replay.moments {
            let forecast = WorkForecast(moment.requests, costs: ReplayedBatch.costs)
            let left = try #require(forecast.secondsLeft(after: moment.seconds))
            errors.append((moment.seconds + left) / replay.seconds - 1)
        }
        #expect(errors.count == shares.count)
        for (share, error) in zip(shares, errors) {
            #expect(abs(error) < 0.1, "at \(share), seed \(seed): \(error)")
        }
        let percents = errors.map { "\((1000 * $0).rounded() / 10)" }.joined(separator: " ")
        print("\(isCorrelated ? "correlated" : "uncorrelated"), seed \(seed): errors in % \(percents)")
    }
}
