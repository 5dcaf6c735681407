import OctavoCore
import OctavoEngine
import OctavoQueue

/// A lease whose requests are being answered: gathers what comes of them.
struct LeaseRun: Sendable {
    /// A request that has ended, and how.
    typealias Ended = (request: PreparedRequest, ending: RequestEnding)

    let watch: LeaseWatch
    private let lease: PreparedLease
    private var assembly: ResponseAssembly
    private var unfinished: Int

    /// - Parameters:
    ///   - threads: how many compute together, for core-seconds.
    ///   - generations: how many of the lease's generations are computed.
    ///   - followers: how many of its requests wait for the answers of others.
    init(_ held: Worker.HeldLease, responses: ResponseBody, threads: Int, generations: Int, followers: Int) {
        watch = held.watch
        lease = held.prepared
        assembly = ResponseAssembly(lease: held.prepared, responses: responses, threads: threads)
        unfinished = generations + followers
    }

    /// Whether nothing more will come.
    var isOver: Bool { unfinished == 0 }

    /// Whether a generation is one of its.
    func contains(_ generation: Int) -> Bool {
        (lease.firstID..<lease.firstID + lease.generations.count).contains(generation)
    }

    /// The batch that a generation belongs to.
    func batch(of generation: Int) -> Int64 { assembly.key(of: generation).batchID }

    /// Takes what ended a generation; returns its request if that ended with it.
    mutating func end(_ generation: Int, with event: GenerationEvent) -> Ended? {
        let ending: RequestEnding?
        switch event {
        case .finished(let completion): ending = assembly.add(completion)
        case .failed(_, let error): ending = assembly.fail(generation, error)
        case .cancelled: ending = assembly.drop(generation)
        case .checkpoint, .step, .measured: return nil
        }
        return ended(generation, ending)
    }

    /// Takes a generation that no engine of this capacity can hold; returns its request the first time.
    mutating func refuse(_ generation: GenerationRequest, capacity: EngineCapacity) -> Ended? {
        ended(generation.id, assembly.refuse(generation, capacity: capacity))
    }

    private mutating func ended(_ generation: Int, _ ending: RequestEnding?) -> Ended? {
        unfinished -= 1
        return ending.map { (assembly.request(of: generation), $0) }
    }

    /// One of its requests waits no longer for another's answer.
    mutating func endFollower() { unfinished -= 1 }

    /// Some of its generations need not be computed.
    mutating func skip(generations count: Int) { unfinished -= count }

    /// Takes what a generation that ends next took.
    mutating func measure(_ generation: Int, _ time: GenerationTime) { assembly.measure(generation, time) }

    /// The part of a checkpoint that is its.
    func entries(of checkpoint: GenerationCheckpoint) -> [CheckpointEntry] {
        checkpoint.entries.filter { contains($0.id) }.map(assembly.checkpointEntry)
    }
}
