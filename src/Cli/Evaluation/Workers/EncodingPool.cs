using System.Collections.Concurrent;
using System.Text;

namespace ClipTrain.Cli.Evaluation.Workers;

/// <summary>A connection to a worker.</summary>
/// <param name="To">Its input.</param>
/// <param name="From">Its output.</param>
/// <param name="Failure">Why the worker has ended. Called once a stream has failed.</param>
internal sealed record EncodingConnection(Stream To, Stream From, Func<Exception> Failure);

/// <summary>Workers that take requests from one queue. A worker that fails makes every open and later request fail.</summary>
internal sealed class EncodingPool : IDisposable
{
    private readonly BlockingCollection<Action<BinaryWriter, BinaryReader, Exception?>> _requests = [];
    private readonly IReadOnlyList<EncodingConnection> _workers;
    private readonly Thread[] _threads;
    private volatile Exception? _failure;

    public EncodingPool(IReadOnlyList<EncodingConnection> workers)
    {
        _workers = workers;
        _threads = [.. workers.Select((worker, i) => new Thread(() => Serve(worker)) { IsBackground = true, Name = $"worker {i}" })];
        Array.ForEach(_threads, thread => thread.Start());
    }

    public int Workers => _workers.Count;

    /// <summary>Queues an exchange with the next free worker.</summary>
    public Task<T> Ask<T>(Func<BinaryWriter, BinaryReader, T> exchange)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _requests.Add(
            (to, from, failure) =>
            {
                if (failure is not null)
                {
                    answer.SetException(failure);
                    return;
                }

                answer.SetResult(exchange(to, from));
            }
        );
        return answer.Task;
    }

    /// <summary>Waits for the exchanges that have begun, drops the others, and ends the workers' input.</summary>
    public void Dispose()
    {
        _failure ??= new ObjectDisposedException(nameof(EncodingPool));
        _requests.CompleteAdding();
        Array.ForEach(_threads, thread => thread.Join());
        _requests.Dispose();
    }

    private void Serve(EncodingConnection worker)
    {
        // Not disposed: that would write again to a worker that has failed.
        var to = new BinaryWriter(new BufferedStream(worker.To), Encoding.UTF8);
        var from = new BinaryReader(new BufferedStream(worker.From), Encoding.UTF8);
        foreach (var request in _requests.GetConsumingEnumerable())
        {
            try
            {
                request(to, from, _failure);
            }
            catch (IOException)
            {
                _failure = worker.Failure();
                request(to, from, _failure);
            }
        }

        worker.To.Dispose();
    }
}
