import Foundation
import OctavoCore
import OctavoLlama

/// Prints benchmark figures for people or as JSON lines.
struct BenchReport {
    let json: Bool

    /// A figure's part of something that the machine can do.
    struct Share {
        /// Of what: "INT8 peak".
        var limit: String
        /// 1 is all of it.
        var value: Double
        /// All of it, in the unit of figures that it limits, where there are such figures.
        var ceiling: Double? = nil
    }

    /// What the figures that follow were measured on.
    func header(threads: Int, kernels: String?, model: String?) {
        let processor = Self.processor
        if json {
            Console.result([
                "cpu": .string(processor), "threads": .integer(threads),
                "kernels": kernels.map(JSONValue.string) ?? .null,
                "model": model.map(JSONValue.string) ?? .null, "version": .string(OctavoVersion.current),
            ])
        } else {
            let parts = [processor, "\(threads) threads", kernels, model, "octavo \(OctavoVersion.current)"]
            Console.result(parts.compactMap(\.self).joined(separator: ", "))
        }
    }

    /// One figure: the median of `samples`, and its share of a ceiling.
    func line(
        _ name: String, _ which: [(String, String)], samples: [Double], unit: String, ceiling: Double? = nil,
        limit: String = "INT8 peak", otherShares: [Share] = []
    ) {
        let sorted = samples.sorted()
        let spread = sorted.count > 1 ? (sorted[sorted.count - 1] - sorted[0]) / sorted[sorted.count / 2] : 0
        line(
            name, which, value: sorted[sorted.count / 2], unit: unit, ceiling: ceiling, limit: limit,
            otherShares: otherShares, runs: samples.count, spread: spread)
    }

    /// One figure.
    ///
    /// - Parameters:
    ///   - ceiling: the most that the value could be.
    ///   - limit: what sets the ceiling.
    ///   - otherShares: of what the same work takes besides.
    func line(
        _ name: String, _ which: [(String, String)], value: Double, unit: String, ceiling: Double? = nil,
        limit: String = "INT8 peak", otherShares: [Share] = [], runs: Int = 1, spread: Double = 0
    ) {
        let share = ceiling.map { Share(limit: limit, value: $0 > 0 ? value / $0 : 0) }
        guard json else {
            let place = which.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            let title = place.isEmpty ? name : "\(name), \(place)"
            let label = title + String(repeating: " ", count: max(56 - title.count, 1))
            let shares = ([share].compactMap(\.self) + otherShares).map {
                "\(Format.decimal(100 * $0.value))% of the \($0.limit)"
            }
            let sharesText = shares.isEmpty ? "" : "   " + shares.joined(separator: ", ")
            let spreadText = runs > 1 ? "   (\(runs) runs, spread \(Format.decimal(100 * spread, places: 0))%)" : ""
            return Console.result("\(label)\(Format.decimal(value)) \(unit)\(sharesText)\(spreadText)")
        }
        var cases = JSONObject()
        for (key, text) in which { cases[key] = Int(text).map(JSONValue.integer) ?? .string(text) }
        var others = JSONObject()
        var otherCeilings = JSONObject()
        for other in otherShares {
            others[other.limit] = .double(other.value)
            otherCeilings[other.limit] = other.ceiling.map(JSONValue.double)
        }
        Console.result([
            "benchmark": .string(name), "case": .object(cases), "value": .double(value), "unit": .string(unit),
            "ceiling": ceiling.map(JSONValue.double) ?? .null,
            "share": (share?.value).map(JSONValue.double) ?? .null,
            "limit": (share?.limit).map(JSONValue.string) ?? .null, "other_shares": .object(others),
            "other_ceilings": .object(otherCeilings), "runs": .integer(runs), "spread": .double(spread),
        ])
    }

    /// What the machine can do.
    func ceilings(_ ceilings: Ceilings, threads: Int) {
        let which = [("threads", "\(threads)")]
        line("int8 peak", which, value: ceilings.int8PerSecond / 1e9, unit: "GMAC/s")
        line("f32 peak", which, value: ceilings.floatPerSecond / 1e9, unit: "GFMA/s")
        line("read bandwidth", which, value: ceilings.bytesPerSecond / 1e9, unit: "GB/s")
    }

    /// The CPU's name as the system gives it.
    private static var processor: String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        return name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown CPU"
    }
}
