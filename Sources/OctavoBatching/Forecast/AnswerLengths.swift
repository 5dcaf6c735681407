import Foundation
internal import OctavoCore

/// How long answers become, learned from those that ended and those that go on.
///
/// What has ended is no fair sample of what will: short answers end first, long prompts are answered first, and many
/// answers end at their limits. So lengths are estimated as lifetimes are: an answer that was cut off by its limit, or that
/// goes on, has a length of at least what it has, and the share of answers that are longer than some length is that of
/// Kaplan and Meier ("Nonparametric estimation from incomplete observations", JASA 53, 1958). This is done by length of
/// prompt, in groups of as many observations each. Beyond the longest observed, answers end at the rate at which they
/// ended before, over all groups.
struct AnswerLengths {
    /// Fewer observations than these are not parted.
    private static let observationsPerGroup = 24
    private static let maximumGroups = 16

    /// The shortest prompt of each group, falling.
    private var bounds: [Int] = []
    private var groups: [SurvivalCurve] = []
    /// Ends per token, over all groups.
    private var rate = 0.0

    /// Learns from all requests that have a progress.
    init(_ requests: [ObservedRequest]) {
        let observed = requests.compactMap(Observation.init).sorted { $0.promptTokens > $1.promptTokens }
        guard !observed.isEmpty else { return }
        let tokens = observed.reduce(0) { $0 + $1.length }
        rate = tokens == 0 ? 0 : Double(observed.count(where: \.isEnd)) / Double(tokens)
        let count = max(1, min(Self.maximumGroups, observed.count / Self.observationsPerGroup))
        for group in 0..<count {
            let members = observed[observed.count * group / count..<observed.count * (group + 1) / count]
            bounds.append(members.last?.promptTokens ?? 0)
            groups.append(SurvivalCurve(members.map { ($0.length, $0.isEnd) }))
        }
    }

    /// The tokens that the answer to a request has or is expected to come to; its limit where nothing is known.
    func expected(_ request: ObservedRequest) -> Double {
        switch request.progress {
        case .finished(let tokens): Double(tokens)
        case .failed: 0
        case .running(let tokens): expected(promptTokens: request.promptTokens, limit: request.limit, after: tokens)
        case .waiting: expected(promptTokens: request.promptTokens, limit: request.limit, after: 0)
        }
    }

    private func expected(promptTokens: Int, limit: Int, after tokens: Int) -> Double {
        guard limit > tokens, !groups.isEmpty else { return Double(max(limit, tokens)) }
        let group = bounds.firstIndex { promptTokens >= $0 } ?? groups.count - 1
        return Double(tokens) + groups[group].remaining(after: Double(tokens), until: Double(limit), tailRate: rate)
    }

    /// What one request tells of the lengths of answers.
    private struct Observation {
        var promptTokens: Int
        var length: Int
        /// Whether the answer ended by itself there.
        var isEnd: Bool

        init?(_ request: ObservedRequest) {
            promptTokens = request.promptTokens
            switch request.progress {
            case .finished(let tokens): (length, isEnd) = (tokens, tokens < request.limit)
            case .running(let tokens): (length, isEnd) = (tokens, false)
            case .waiting, .failed: return nil
            }
        }
    }
}

/// The share of answers that are longer than a length, as a falling staircase.
private struct SurvivalCurve {
    /// A step of the staircase, in force from `length` on.
    private struct Step {
        var length: Double
        var share: Double
        /// The area below the staircase before `length`.
        var area: Double
    }

    private var steps = [Step(length: 0, share: 1, area: 0)]
    private var longest = 0.0

    init(_ observations: [(length: Int, isEnd: Bool)]) {
        let sorted = observations.sorted { $0.length < $1.length }
        var index = 0
        while index < sorted.count {
            let length = sorted[index].length
            let alike = sorted[index...].prefix { $0.length == length }
            let ends = alike.count(where: \.isEnd)
            if ends > 0 { fall(at: Double(length), by: Double(ends) / Double(sorted.count - index)) }
            index += alike.count
        }
        longest = Double(sorted.last?.length ?? 0)
    }

    private mutating func fall(at length: Double, by part: Double) {
        let last = steps[steps.count - 1]
        steps.append(
            Step(
                length: length, share: last.share * (1 - part),
                area: last.area + (length - last.length) * last.share))
    }

    /// The tokens that are expected to follow those that there are, up to a limit.
    ///
    /// - Parameter tailRate: ends per token beyond the longest length observed.
    func remaining(after tokens: Double, until limit: Double, tailRate: Double) -> Double {
        let share = share(at: tokens, tailRate)
        // All that were observed ended before: what is known is only that such ends come at some rate.
        guard share > 1e-9 else { return tailRate > 0 ? min(limit - tokens, 1 / tailRate) : limit - tokens }
        return min(limit - tokens, (area(to: limit, tailRate) - area(to: tokens, tailRate)) / share)
    }

    private func share(at length: Double, _ tailRate: Double) -> Double {
        let share = step(at: length).share
        return length <= longest ? share : share * exp(-tailRate * (length - longest))
    }

    private func area(to length: Double, _ tailRate: Double) -> Double {
        let within = min(length, longest)
        let step = step(at: within)
        let area = step.area + (within - step.length) * step.share
        guard length > longest else { return area }
        let beyond = length - longest
        return area + step.share * (tailRate > 0 ? (1 - exp(-tailRate * beyond)) / tailRate : beyond)
    }

    /// The last step at or before a length.
    private func step(at length: Double) -> Step {
        var (low, high) = (0, steps.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if steps[middle].length <= length { low = middle } else { high = middle }
        }
        return steps[low]
    }
}
