import OctavoLlama
import OctavoWeights

/// Measures the phases of a step one by one, each against what limits it most.
///
/// What comes from memory is compared with the bandwidth at the same time: before each sample of work that reads any, the
/// bandwidth is measured once, and the median of these is the ceiling of the median sample. On machines whose memory
/// others use too, it changes within minutes by more than kernels differ.
struct KernelBenchmark {
    let phases: PhaseBench
    /// Measured once, before all.
    let ceilings: Ceilings
    let bandwidth: ReadBandwidth
    let runs: Int
    let report: BenchReport

    /// The seconds that a sample takes at least: long beside what wakes a thread.
    private static let sampleSeconds = 0.02
    private static let rows = [1, 2, 4, 8, 16, 32, 64, 128, 512]

    func all() throws {
        for product in PhaseBench.Product.allCases {
            try phases.products(product, rows: Self.rows, measure: measure)
        }
        for which in PhaseBench.AttentionCase.usual { phases.attention(which, measure: measure) }
        phases.vectors(measure: measure)
    }

    private func measure(_ workload: Workload) {
        var repetition = 0
        func seconds(_ count: Int) -> Double {
            let start = ContinuousClock.now
            for _ in 0..<count {
                workload.run(repetition)
                repetition += 1
            }
            return (ContinuousClock.now - start) / .seconds(1)
        }
        // The first repetition finds memory for its results.
        _ = seconds(1)
        let count = max(1, Int((Self.sampleSeconds / max(seconds(1), 1e-9)).rounded(.up)))
        var ceilings = ceilings
        var bandwidths: [Double] = []
        let isPaired = workload.cost.bytes > 0
        let samples = (0..<runs).map { _ in
            if isPaired { bandwidths.append(bandwidth.measure()) }
            return seconds(count) / Double(count)
        }
        if isPaired { ceilings.bytesPerSecond = bandwidths.sorted()[runs / 2] }
        line(workload, samples, ceilings)
    }

    private func line(_ workload: Workload, _ samples: [Double], _ ceilings: Ceilings) {
        let median = samples.sorted()[runs / 2]
        let limit = ceilings.limit(of: workload.cost)
        let others = Ceilings.Limit.allCases.filter { $0 != limit && $0.amount(of: workload.cost) > 0 }
        report.line(
            workload.name, workload.parameters,
            samples: samples.map { Double(limit.amount(of: workload.cost)) / $0 / 1e9 }, unit: limit.unit,
            ceiling: ceilings.perSecond(limit) / 1e9, limit: limit.rawValue,
            otherShares: others.map {
                .init(
                    limit: $0.rawValue, value: ceilings.leastSeconds(workload.cost, $0) / median,
                    ceiling: ceilings.perSecond($0) / 1e9)
            })
    }
}

extension Ceilings.Limit {
    /// The unit of figures that it limits.
    fileprivate var unit: String {
        switch self {
        case .int8: "GMAC/s"
        case .floats: "GFMA/s"
        case .memory: "GB/s"
        }
    }
}
