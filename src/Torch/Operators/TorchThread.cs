using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using ClipTrain.Torch.Loading;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>
/// A thread that runs all of a worker's torch operations. The grad mode, the number of OpenMP threads and the dispose scopes are
/// thread-local and would be lost if work moved between threads.
/// </summary>
public sealed class TorchThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    /// <exception cref="DllNotFoundException">libtorch cannot be loaded. The message says what to do.</exception>
    public TorchThread(string name = "torch")
    {
        // TorchSharp's own error message would not be helpful.
        NativeTorch.Load();
        _thread = new Thread(Loop) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>
    /// Runs <paramref name="action"/> on the thread, waits for it, and rethrows its exception. May be called from the thread itself.
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

    /// <summary>Ends the thread after its pending work. Must not be called from the thread itself.</summary>
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
        foreach (var work in _work.GetConsumingEnumerable())
        {
            work();
        }
    }
}

/// <summary>Number of threads of an operator.</summary>
public static class Threads
{
    /// <summary>Sets the number for operators on the calling thread.</summary>
    public static void Set(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
#pragma warning disable RS0030 // This is the only wrapper.
        set_num_threads(count);
#pragma warning restore RS0030
    }
}
