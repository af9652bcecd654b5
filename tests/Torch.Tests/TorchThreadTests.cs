using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class TorchThreadTests
{
    [Fact]
    public void All_work_runs_on_one_thread_which_keeps_its_grad_mode()
    {
        using var thread = new TorchThread();
        IDisposable? guard = null;

        thread.Run(() => guard = no_grad());

        Assert.True(is_grad_enabled());
        Assert.False(thread.Run(is_grad_enabled));
        Assert.Equal(thread.Run(() => Environment.CurrentManagedThreadId), thread.Run(() => Environment.CurrentManagedThreadId));
        thread.Run(() => guard!.Dispose());
        Assert.True(thread.Run(is_grad_enabled));
    }

    [Fact]
    public void An_exception_reaches_the_caller_and_the_thread_goes_on()
    {
        using var thread = new TorchThread();

        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() =>
            thread.Run(() =>
            {
                using var a = ones([2]);
                a.view(3);
            })
        );

        Assert.Equal(3, thread.Run(() => 3));
    }

    [Fact]
    public void Work_may_ask_for_more_work()
    {
        using var thread = new TorchThread();

        Assert.Equal(5, thread.Run(() => thread.Run(() => 5)));
    }

    [Fact]
    public void Callers_on_several_threads_are_served_one_at_a_time()
    {
        using var thread = new TorchThread();
        var sum = 0;

        Parallel.For(0, 100, _ => thread.Run(() => sum++));

        Assert.Equal(100, sum);
    }

    [Fact]
    public void After_its_end_work_is_refused()
    {
        var thread = new TorchThread();
        thread.Dispose();

        Assert.Throws<ObjectDisposedException>(() => thread.Run(() => { }));
    }
}
