import OctavoCore
import OctavoEngine
import OctavoQueue

/// A lease whose requests were given to the engine: gathers what comes of them.
struct LeaseRun: Sendable {
    let watch: LeaseWatch
    private let lease: PreparedLease
    private var assembly: ResponseAssembly
    private var unfinished: Int

    /// - Parameter count: how many of the lease's generations the engine was given.
    init(_ held: Worker.HeldLease, assembly: ResponseAssembly, generations count: Int) {
        watch = held.watch
        lease = held.prepared
        self.assembly = assembly
        unfinished = count
    }

    /// Whether nothing more will come.
    var isOver: Bool { unfinished == 0 }

    /// Whether a generation is one of its.
    func contains(_ generation: Int) -> Bool {
        (lease.firstID..<lease.firstID + lease.generations.count).contains(generation)
    }

    /// Takes what ended a generation, and hands on what that makes of its request.
    mutating func end(with event: GenerationEvent, writer: ResultWriter) {
        switch event {
        case .finished(let completion):
            switch assembly.add(completion) {
            case .finished(let result): writer.add(result, of: watch)
            case .rejected(let failure): writer.add(failure, of: watch)
            case nil: break
            }
        case .failed(let id, let error): if let failure = assembly.fail(id, error) { writer.add(failure, of: watch) }
        case .cancelled: break
        case .checkpoint, .step: return
        }
        unfinished -= 1
    }

    /// The part of a checkpoint that is its.
    func entries(of checkpoint: GenerationCheckpoint) -> [CheckpointEntry] {
        checkpoint.entries.filter { contains($0.id) }.map(assembly.checkpointEntry)
    }
}
