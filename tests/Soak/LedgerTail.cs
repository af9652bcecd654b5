using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Soak;

/// <summary>Follows a run's ledger while it is written, by the system's notifications; wakes those who wait for something in it.</summary>
internal sealed class LedgerTail : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };
    private readonly string _path;
    private readonly StepHistory _history;
    private readonly Violations _violations;
    private readonly FileSystemWatcher _watcher;
    private readonly List<(Func<StepHistory, bool> Condition, TaskCompletionSource Met)> _waiters = [];
    private readonly Lock _lock = new();
    private long _read;

    /// <param name="path">The ledger; its folder exists, itself need not.</param>
    /// <param name="history">Gets every entry.</param>
    /// <param name="violations">Get what is wrong with an entry.</param>
    public LedgerTail(string path, StepHistory history, Violations violations)
    {
        (_path, _history, _violations) = (path, history, violations);
        _watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path)) { NotifyFilter = NotifyFilters.Size | NotifyFilters.LastWrite | NotifyFilters.FileName };
        _watcher.Changed += (_, _) => Drain();
        _watcher.Created += (_, _) => Drain();
        _watcher.Error += (_, _) => Drain();
        _watcher.EnableRaisingEvents = true;
    }

    /// <summary>Reads what there is by now. Returns a value of the history then.</summary>
    public T Drain<T>(Func<StepHistory, T> value)
    {
        lock (_lock)
        {
            Read();
            foreach (var (_, met) in _waiters.Where(waiter => waiter.Condition(_history)))
                met.TrySetResult();
            _waiters.RemoveAll(waiter => waiter.Met.Task.IsCompleted);
            return value(_history);
        }
    }

    /// <summary>Returns when the history meets a condition.</summary>
    /// <exception cref="TimeoutException">It did not within the limit.</exception>
    /// <exception cref="OperationCanceledException">A violation was found.</exception>
    public Task Until(Func<StepHistory, bool> condition, TimeSpan limit)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
            _waiters.Add((condition, met));
        Drain();
        return met.Task.WaitAsync(limit, _violations.Found);
    }

    public void Dispose() => _watcher.Dispose();

    private void Drain() => Drain(_ => true);

    private void Read()
    {
        if (!File.Exists(_path))
            return;
        using var stream = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (stream.Length < _read)
            _violations.Add($"{_path} has lost whole lines: it had {_read} bytes of them and has {stream.Length} bytes");
        var bytes = new byte[Math.Max(0, stream.Length - _read)];
        stream.Position = _read;
        var rest = bytes.AsSpan(0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
        // What follows the last line break is being written, or was when the coordinator was killed.
        for (int end; (end = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
        {
            _read += end + 1;
            foreach (var wrong in _history.Add(JsonSerializer.Deserialize<LedgerEntry>(rest[..end], Json)!))
                _violations.Add(wrong);
        }
    }
}
