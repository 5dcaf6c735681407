import Dispatch
import OctavoPostgres
import Synchronization

/// How calls are held in the middle.
enum OverlapSQL {
    /// Before and after every statement that writes there is a gate. The one at which a session is to be held makes it wait
    /// for a lock that the check holds. A gate before a statement is passed after the statement has taken its snapshot, so
    /// that what others commit meanwhile is not in it.
    static let gates = """
        CREATE FUNCTION model_check.gate() RETURNS trigger
        LANGUAGE plpgsql AS $$
        DECLARE
            v_left integer := coalesce(nullif(current_setting('model_check.gates_left', true), ''), '0');
        BEGIN
            IF v_left > 0 THEN
                PERFORM set_config('model_check.gates_left', (v_left - 1)::text, false);
            END IF;
            IF v_left = 1 THEN
                PERFORM set_config('model_check.held_at', format('%s %s %s', lower(TG_WHEN), TG_OP, TG_TABLE_NAME), false);
                PERFORM pg_advisory_xact_lock_shared(1);
            END IF;
            RETURN NULL;
        END $$;

        DO $$
        DECLARE
            v_table text;
        BEGIN
            FOREACH v_table IN ARRAY
                '{batches,segments,leases,lease_ranges,lease_log,results,failures,checkpoints,workers}'::text[]
            LOOP
                EXECUTE format('CREATE TRIGGER gate_before BEFORE INSERT OR UPDATE OR DELETE ON octavo.%I '
                               'EXECUTE FUNCTION model_check.gate()', v_table);
                EXECUTE format('CREATE TRIGGER gate_after AFTER INSERT OR UPDATE OR DELETE ON octavo.%I '
                               'EXECUTE FUNCTION model_check.gate()', v_table);
            END LOOP;
        END $$;
        """
}

/// A session with a thread of its own, so that several can be in the middle of a call.
final class GatedSession: Sendable {
    let database: ModelDatabase
    let processID: Int32
    private let queue: DispatchQueue

    init(_ database: ModelDatabase, name: String) {
        self.database = database
        processID = database.session.backendProcessID
        queue = DispatchQueue(label: name)
    }

    /// Begins work on the session's thread.
    func start<T: Sendable>(_ work: @escaping @Sendable (ModelDatabase) throws -> T) -> Pending<T> {
        let pending = Pending<T>()
        queue.async { [database] in pending.finish(Result { try work(database) }) }
        return pending
    }
}

/// Work that has begun.
final class Pending<T: Sendable>: Sendable {
    private let result = Mutex<Result<T, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    fileprivate func finish(_ result: Result<T, any Error>) {
        self.result.withLock { $0 = result }
        done.signal()
    }

    /// Whether it ends within some microseconds.
    func isDone(within microseconds: Int) -> Bool {
        guard result.withLock({ $0 == nil }) else { return true }
        return done.wait(timeout: .now() + .microseconds(microseconds)) == .success
    }

    /// Waits for the end.
    func wait() -> Result<T, any Error> {
        while true {
            if let result = result.withLock({ $0 }) { return result }
            _ = done.wait(timeout: .now() + .milliseconds(100))
        }
    }
}
