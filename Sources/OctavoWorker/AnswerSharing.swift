import OctavoQueue

/// Which requests in a worker's hands wait for the answer of an identical one.
///
/// Of requests with one identity the first is computed, and the others end as it does. What another worker computes at the
/// same time is not waited for: nobody's progress hangs on anybody else's, and both come to the same answer.
struct AnswerSharing {
    /// A request that waits.
    struct Follower {
        var lease: LeaseWatch
        var request: PreparedRequest
    }

    /// How a request comes by its answer.
    enum Share {
        /// It is the first of its kind.
        case computes
        /// An identical one is being computed.
        case waits
        /// An identical one was answered a moment ago.
        case copies(RequestKey)
    }

    private enum Progress {
        case computing([Follower])
        /// Computed, but nobody would find the answer in the database yet.
        case answered(RequestKey)
    }

    private var progress: [AnswerIdentity: Progress] = [:]

    /// Takes a request that is to be answered.
    mutating func take(_ request: PreparedRequest, of lease: LeaseWatch) -> Share {
        guard let identity = request.identity else { return .computes }
        switch progress[identity] {
        case nil:
            progress[identity] = .computing([])
            return .computes
        case .computing(let followers):
            progress[identity] = .computing(followers + [Follower(lease: lease, request: request)])
            return .waits
        case .answered(let source): return .copies(source)
        }
    }

    /// Takes note that a request that was to be computed has ended.
    ///
    /// - Parameter isAnswered: whether its answer is on its way to the database.
    /// - Returns: those that waited for it.
    mutating func end(_ request: PreparedRequest, isAnswered: Bool) -> [Follower] {
        guard let identity = request.identity, case .computing(let followers) = progress[identity] else { return [] }
        progress[identity] = isAnswered ? .answered(request.leased.key) : nil
        return followers
    }

    /// Takes note that answers are in the database, to be found there, or could not be stored.
    mutating func settle(_ identities: [AnswerIdentity]) {
        for identity in identities {
            if case .answered = progress[identity] { progress[identity] = nil }
        }
    }
}
