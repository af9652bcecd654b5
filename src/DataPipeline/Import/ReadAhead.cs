namespace ClipTrain.DataPipeline.Import;

/// <summary>Parallel reading and making of rows, in an order that does not depend on the threads.</summary>
internal static class ReadAhead
{
    /// <summary>Inputs read concurrently.</summary>
    private const int InputsAtOnce = 4;

    /// <summary>
    /// The rows of the inputs in order, from a cursor on, each with the cursor after it. The next inputs are prefetched.
    /// </summary>
    public static IEnumerable<(ImportCursor Behind, PendingRow Row)> Of(ImportSource source, ImportCursor from)
    {
        var ahead = new Queue<InputReader>();
        try
        {
            for (var input = from.Input; input < source.Inputs.Count; input++)
            {
                for (var next = input + ahead.Count; ahead.Count < InputsAtOnce && next < source.Inputs.Count; next++)
                {
                    ahead.Enqueue(new InputReader(source, next, skip: next == from.Input ? from.Row : 0));
                }

                var row = input == from.Input ? from.Row : 0;
                foreach (var pending in ahead.Peek().Rows())
                {
                    yield return (new ImportCursor(input, ++row), pending);
                }

                ahead.Dequeue().Dispose();
            }
        }
        finally
        {
            foreach (var reader in ahead)
            {
                reader.Dispose();
            }
        }
    }

    /// <summary>
    /// Applies a function to items on several threads, with at most <paramref name="underWay"/> items in progress; results keep the order
    /// of the items.
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
                {
                    yield return pending.Dequeue().GetAwaiter().GetResult();
                }
            }

            while (pending.TryDequeue(out var task))
            {
                yield return task.GetAwaiter().GetResult();
            }
        }
        finally
        {
            // The caller may dispose what the function uses: wait for calls in progress.
            Task.WhenAll(pending).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        }
    }
}
