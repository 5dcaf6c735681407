import Foundation
import OctavoBatching
import OctavoCore
import OctavoQueue
import OctavoTestSupport

/// A batch of mixed requests that a worker answers in simulated time: loaded, claimed and planned as real ones are, by
/// steps that take as long as their tokens do.
struct ReplayedBatch {
    /// How it stood at some moment.
    struct Moment {
        var seconds: Double
        var requests: [ObservedRequest]
    }

    /// What steps take, in seconds.
    private static let promptToken = 1.0 / 8000
    private static let decodingStep = 0.010
    private static let decodingRow = 0.0005
    private static let rows = 32
    private static let leaseSize = 128
    private static let stepTokens = 512
    /// Answers are known by their checkpoints.
    private static let checkpointTokens = 16

    /// What tokens cost where rows are full.
    static let costs = TokenCosts(prompt: promptToken, answer: decodingStep / Double(rows) + decodingRow)

    private let promptTokens: [Int]
    private let limits: [Int]
    private let answerTokens: [Int]

    /// Prompts of log-normal lengths; answers that would have log-normal lengths, were it not for limits of four sizes.
    ///
    /// - Parameter isCorrelated: whether long prompts have long answers.
    init(count: Int, isCorrelated: Bool, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let promptTokens = (0..<count).map { _ in
            min(4000, max(8, Int(180 * exp(0.9 * Self.normal(&random)))))
        }
        let limits = (0..<count).map { _ in [64, 256, 512, 1024][Int.random(in: 0..<4, using: &random)] }
        answerTokens = (0..<count).map { index in
            let length = 140 * exp(0.7 * Self.normal(&random))
            let factor = isCorrelated ? (Double(promptTokens[index]) / 180).squareRoot() : 1
            return min(limits[index], max(1, Int(length * factor)))
        }
        (self.promptTokens, self.limits) = (promptTokens, limits)
    }

    /// Box and Muller, Annals of Mathematical Statistics 29, 1958.
    private static func normal(_ random: inout SeededGenerator) -> Double {
        let radius = (-2 * log(Double.random(in: 1e-12...1, using: &random))).squareRoot()
        return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &random))
    }

    /// The requests in the order in which a worker begins them: as they are stored, lease by lease, within each the
    /// longest first.
    private var order: [Int] {
        let rows = promptTokens.indices.map { index in
            RequestRow(
                line: index + 1, promptTokens: promptTokens[index], maximumNewTokens: limits[index],
                customID: "\(index)", body: [])
        }
        let window = LoadWindow(rows)
        // Claims take the segment of the longest prompts first, of equal ones the first.
        let segments = window.segments.enumerated().sorted { left, right in
            (right.element.promptTokens, left.offset) < (left.element.promptTokens, right.offset)
        }
        let stored = segments.flatMap { window.order[$0.element.places] }
        return stride(from: 0, to: stored.count, by: Self.leaseSize).flatMap { start in
            stored[start..<min(start + Self.leaseSize, stored.count)].sorted { left, right in
                (promptTokens[right] + limits[right], left) < (promptTokens[left] + limits[left], right)
            }
        }
    }

    /// Answers all requests.
    ///
    /// - Parameter shares: the parts of the requests, rising, after whose ends to look.
    /// - Returns: the moments, and the seconds that everything took.
    func replay(lookingAt shares: [Double]) -> (moments: [Moment], seconds: Double) {
        var (seconds, ended, moments) = (0.0, 0, [Moment]())
        var (unread, generated) = (promptTokens, promptTokens.map { _ in 0 })
        var waiting = order[...]
        var running: [Int] = []
        while ended < promptTokens.count {
            while running.count < Self.rows, let next = waiting.popFirst() { running.append(next) }
            var room = Self.stepTokens - running.count(where: { unread[$0] == 0 })
            var decoding = running.filter { unread[$0] == 0 }
            for index in running where unread[index] > 0 && room > 0 {
                let count = min(room, unread[index])
                unread[index] -= count
                room -= count
                seconds += Double(count) * Self.promptToken
                if unread[index] == 0 { decoding.append(index) }
            }
            seconds += Self.decodingStep + Self.decodingRow * Double(decoding.count)
            for index in decoding { generated[index] += 1 }
            ended += running.count(where: { generated[$0] == answerTokens[$0] })
            running.removeAll { generated[$0] == answerTokens[$0] }
            while moments.count < shares.count, Double(ended) >= shares[moments.count] * Double(promptTokens.count) {
                moments.append(moment(seconds, generated: generated))
            }
        }
        return (moments, seconds)
    }

    private func moment(_ seconds: Double, generated: [Int]) -> Moment {
        let requests = promptTokens.indices.map { index in
            var request = ObservedRequest(promptTokens: promptTokens[index], limit: limits[index])
            let known = generated[index] / Self.checkpointTokens * Self.checkpointTokens
            if generated[index] == answerTokens[index] {
                request.progress = .finished(tokens: answerTokens[index])
            } else if known > 0 {
                request.progress = .running(tokens: known)
            }
            return request
        }
        return Moment(seconds: seconds, requests: requests)
    }
}
