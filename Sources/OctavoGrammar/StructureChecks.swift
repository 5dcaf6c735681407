public import OctavoCore
import Synchronization

/// Checks whether structures are supported and can be satisfied, each of them once: the lines of a file mostly ask for the
/// same few.
public final class StructureChecks: Sendable {
    private static let maximumCount = 1000
    private let known = Mutex<[[UInt8]: StructureError?]>([:])

    /// Checks of which none is made yet.
    public init() {}

    /// Checks the structure that a request asks for, if it does.
    ///
    /// - Throws: `RequestError` that names the place at fault.
    public func check(_ structure: OutputStructure?) throws(RequestError) {
        guard let structure else { return }
        let key = structure.language.key
        let fault = known.withLock { $0[key] } ?? Self.fault(of: structure.language)
        known.withLock { known in
            if known.count >= Self.maximumCount { known = [:] }
            known[key] = .some(fault)
        }
        if let fault { throw fault.requestError(parameter: structure.parameter) }
    }

    private static func fault(of language: OutputStructure.Language) -> StructureError? {
        var terms = TermStore(limit: TermStore.structureLimit)
        do {
            _ = try terms.term(of: language)
            return nil
        } catch {
            return error
        }
    }
}
