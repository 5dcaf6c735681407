import OctavoCore
import OctavoQueue

/// A lease whose requests are parsed and tokenized.
struct PreparedLease: Sendable {
    let lease: Lease
    /// The requests that can be answered.
    let requests: [PreparedRequest]
    /// The ones that cannot.
    let failures: [FailedRequest]
    /// The id of the first generation.
    let firstID: Int
    /// Every sample of every request; a generation's id is its index here after `firstID`.
    let generations: [GenerationRequest]
    /// For each generation, the index of its request.
    let requestOfGeneration: [Int]

    /// Prepares every request of a lease.
    init(_ lease: Lease, settings: [Int64: BatchSettings], preparation: RequestPreparation, firstID: Int) {
        self.lease = lease
        self.firstID = firstID
        let rules = settings.compactMapValues { $0.job.flatMap { try? JSONValue.parse($0) }.flatMap(OutputRules.init) }
        var requests: [PreparedRequest] = []
        var failures: [FailedRequest] = []
        var generations: [GenerationRequest] = []
        var owners: [Int] = []
        for leased in lease.requests {
            guard let settings = settings[leased.key.batchID] else { continue }
            do throws(RequestError) {
                let request = try preparation.prepare(leased, settings: settings, rules: rules[leased.key.batchID])
                for var generation in request.encoded.generations {
                    generation.id = firstID + generations.count
                    generations.append(generation)
                    owners.append(requests.count)
                }
                requests.append(request)
            } catch {
                failures.append(
                    FailedRequest(
                        key: leased.key, kind: error.code ?? "invalid_request", isPermanent: true, statusCode: 400,
                        error: error.json.jsonText))
            }
        }
        self.requests = requests
        self.failures = failures
        self.generations = generations
        requestOfGeneration = owners
    }

    /// Every sample of some of the requests, given by rising index.
    func generations(of requests: [Int]) -> [GenerationRequest] {
        if requests.count == self.requests.count { return generations }
        let wanted = Set(requests)
        return zip(generations, requestOfGeneration).filter { wanted.contains($0.1) }.map(\.0)
    }
}
