using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using ClipTrain.Torch.Loading;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// One thread that does all of a worker's torch work. The grad mode, the number of OpenMP threads and the dispose scopes are
/// a thread's own, so work that moves between threads would lose them.
/// </summary>
public sealed class TorchThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    /// <exception cref="DllNotFoundException">libtorch cannot be loaded; the message says what to do.</exception>
    public TorchThread(string name = "torch")
    {
        // TorchSharp's own search would end in an error that names nothing of use.
        NativeTorch.Load();
        _thread = new Thread(Loop) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>
    /// Runs <paramref name="action"/> on the thread and waits for it; its exception is thrown here. May be called from the thread itself.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The thread has ended.</exception>
    public void Run(Action action)
    {
        if (Thread.CurrentThread == _thread)
        {
            action();
            return;
        }

        using var done = new ManualResetEventSlim();
        ExceptionDispatchInfo? error = null;
        void Work()
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
            finally
            {
                done.Set();
            }
        }

        try
        {
            _work.Add(Work);
        }
        catch (InvalidOperationException e)
        {
            throw new ObjectDisposedException("The torch thread has ended.", e);
        }

        done.Wait();
        error?.Throw();
    }

    /// <inheritdoc cref="Run(Action)"/>
    public T Run<T>(Func<T> function)
    {
        T result = default!;
        Run(() =>
        {
            result = function();
        });
        return result;
    }

    /// <summary>Ends the thread once it has done what it was given. Not to be called from the thread itself.</summary>
    public void Dispose()
    {
        if (_work.IsAddingCompleted)
        {
            return;
        }

        Debug.Assert(Thread.CurrentThread != _thread, "The torch thread cannot wait for itself.");
        _work.CompleteAdding();
        _thread.Join();
    }

    private void Loop()
    {
        foreach (Action work in _work.GetConsumingEnumerable())
        {
            work();
        }
    }
}
