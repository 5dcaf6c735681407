/// What a result took. It is no part of the answer, which is the same whatever it took.
public struct ResultTiming: Sendable, Hashable {
    /// Seconds from the moment that the engine took the request up to the end of its last step.
    public var computing: Double
    /// Its share of the threads' time in the steps it took part in, by tokens computed: over the results of a worker they
    /// add up to the time that its engine computed, times its threads.
    public var coreSeconds: Double

    /// Makes a value.
    public init(computing: Double, coreSeconds: Double) {
        self.computing = computing
        self.coreSeconds = coreSeconds
    }
}

/// What a result took, with its time in the queue.
public struct RequestTiming: Sendable, Hashable {
    /// Seconds from the moment that the batch could be worked on to the claim of the lease that answered the request.
    public var queued: Double
    /// The rest.
    public var result: ResultTiming

    /// Makes a value.
    public init(queued: Double, result: ResultTiming) {
        self.queued = queued
        self.result = result
    }
}
