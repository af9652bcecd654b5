namespace ClipTrain.DataPipeline.Import;

/// <summary>
/// Reading and making rows on several threads with an order that does not depend on them. No more is held than is stated.
/// </summary>
internal static class ReadAhead
{
    /// <summary>Inputs that are read at once.</summary>
    private const int InputsAtOnce = 4;

    /// <summary>
    /// The rows of the inputs in order, from a cursor on, each with the cursor behind it. The next inputs are read while one is consumed.
    /// </summary>
    public static IEnumerable<(ImportCursor Behind, PendingRow Row)> Of(ImportSource source, ImportCursor from)
    {
        var ahead = new Queue<InputReader>();
        try
        {
            for (var input = from.Input; input < source.Inputs.Count; input++)
            {
                for (var next = input + ahead.Count; ahead.Count < InputsAtOnce && next < source.Inputs.Count; next++)
                    ahead.Enqueue(new InputReader(source, next, skip: next == from.Input ? from.Row : 0));
                var row = input == from.Input ? from.Row : 0;
                foreach (var pending in ahead.Peek().Rows())
                    yield return (new ImportCursor(input, ++row), pending);
                ahead.Dequeue().Dispose();
            }
        }
        finally
        {
            foreach (var reader in ahead)
                reader.Dispose();
        }
    }

    /// <summary>
    /// Applies a function to items on several threads; the results come in the order of the items. So many are under way at most.
    /// </summary>
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
}
