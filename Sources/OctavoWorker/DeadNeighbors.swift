import Foundation
import OctavoQueue

/// Finds workers that died on this very machine, whose leases need not run out before others may have them.
enum DeadNeighbors {
    /// The names of registered workers of this host whose process is gone.
    ///
    /// A host's name includes its boot and its process-id namespace, so that a process id means one process; one that
    /// was given to another process since only delays what the lease's end would do anyway.
    static func find(among workers: [WorkerStatus], of identity: WorkerIdentity) -> [String] {
        workers.filter { worker in
            worker.host == identity.host && worker.name != identity.name && isGone(Int32(clamping: worker.processID))
        }.map(\.name)
    }

    private static func isGone(_ process: Int32) -> Bool { kill(process, 0) != 0 && errno == ESRCH }
}
