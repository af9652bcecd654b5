using System.Collections.Concurrent;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Reading and making rows on several threads with an order that does not depend on them. No more is held than is stated.</summary>
internal static class ReadAhead
{
    /// <summary>Inputs that are read at once, and rows of each that are held for its turn.</summary>
    private const int InputsAtOnce = 4, RowsAhead = 64;

    /// <summary>The rows of the inputs in order, from a cursor on, each with the cursor behind it. The next inputs are read while one is consumed.</summary>
    public static IEnumerable<(ImportCursor Behind, PendingRow Row)> Of(ImportSource source, ImportCursor from)
    {
        using var stop = new CancellationTokenSource();
        var ahead = new Queue<InputReader>();
        try
        {
            for (var input = from.Input; input < source.Inputs.Count; input++)
            {
                for (var next = input + ahead.Count; ahead.Count < InputsAtOnce && next < source.Inputs.Count; next++)
                    ahead.Enqueue(new InputReader(source, next, skip: next == from.Input ? from.Row : 0, stop.Token));
                var row = input == from.Input ? from.Row : 0;
                foreach (var pending in ahead.Peek().Rows())
                    yield return (new ImportCursor(input, ++row), pending);
                ahead.Dequeue().Dispose();
            }
        }
        finally
        {
            stop.Cancel();
            foreach (var reader in ahead)
                reader.Dispose();
        }
    }

    /// <summary>Applies a function to items on several threads; the results come in the order of the items. So many are under way at most.</summary>
    public static IEnumerable<TResult> Select<T, TResult>(IEnumerable<T> items, Func<T, TResult> function, int underWay)
    {
        var pending = new Queue<Task<TResult>>();
        try
        {
            foreach (var item in items)
            {
                pending.Enqueue(Task.Run(() => function(item)));
                if (pending.Count == underWay)
                    yield return pending.Dequeue().GetAwaiter().GetResult();
            }

            while (pending.TryDequeue(out var task))
                yield return task.GetAwaiter().GetResult();
        }
        finally
        {
            // What the function uses must not be disposed under it.
            Task.WhenAll(pending).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        }
    }

    /// <summary>Reads one input on a thread of its own.</summary>
    private sealed class InputReader : IDisposable
    {
        private readonly BlockingCollection<PendingRow> _rows = new(RowsAhead);
        private readonly Task _reading;

        public InputReader(ImportSource source, int input, long skip, CancellationToken stop) =>
            _reading = Task.Factory.StartNew(() => Fill(source.Read(input), skip, stop), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        public IEnumerable<PendingRow> Rows()
        {
            foreach (var row in _rows.GetConsumingEnumerable())
                yield return row;
            _reading.GetAwaiter().GetResult();
        }

        public void Dispose()
        {
            _reading.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
            _rows.Dispose();
        }

        private void Fill(IEnumerable<PendingRow> rows, long skip, CancellationToken stop)
        {
            try
            {
                foreach (var row in rows)
                {
                    stop.ThrowIfCancellationRequested();
                    if (skip-- <= 0)
                        _rows.Add(row, stop);
                }
            }
            catch (OperationCanceledException)
            {
                // Nobody wants the rest.
            }
            finally
            {
                _rows.CompleteAdding();
            }
        }
    }
}
