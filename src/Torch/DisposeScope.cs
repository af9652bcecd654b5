using System.Diagnostics.CodeAnalysis;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

/// <summary>
/// Releases at its end every tensor that its thread created inside it, except those moved out. Scopes of a thread nest.
/// </summary>
public sealed class DisposeScope : IDisposable
{
    [ThreadStatic]
    private static DisposeScope? t_current;

    private readonly DisposeScope? _outer;
    private torch.Tensor[] _tensors = new torch.Tensor[64];
    private int _count;
    private bool _disposed;

    internal DisposeScope()
    {
        _outer = t_current;
        t_current = this;
    }

    internal static DisposeScope? Current => t_current;

    /// <summary>How many tensors this scope will release.</summary>
    public int DisposablesCount => _count;

    /// <summary>Leaves a tensor to the enclosing scope, or to the caller when there is none.</summary>
    public torch.Tensor MoveToOuter(torch.Tensor tensor)
    {
        Remove(tensor);
        _outer?.Add(tensor);
        return tensor;
    }

    /// <summary>Releases the scope's tensors.</summary>
    /// <exception cref="InvalidOperationException">A scope inside this one is still open, or this is another thread.</exception>
    [SuppressMessage("Design", "CA1065", Justification = "Ending scopes out of order would release tensors that are in use.")]
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        if (t_current != this)
        {
            throw new InvalidOperationException("Dispose scopes end on the thread that opened them, the innermost first.");
        }

        t_current = _outer;
        _disposed = true;
        Release();
    }

    internal void Add(torch.Tensor tensor)
    {
        if (_count == _tensors.Length)
        {
            Array.Resize(ref _tensors, _count * 2);
        }

        tensor.Scope = this;
        tensor.ScopeIndex = _count;
        _tensors[_count++] = tensor;
    }

    internal void Remove(torch.Tensor tensor)
    {
        if (tensor.Scope != this)
        {
            throw new InvalidOperationException("The tensor does not belong to this dispose scope.");
        }

        torch.Tensor last = _tensors[--_count];
        _tensors[tensor.ScopeIndex] = last;
        last.ScopeIndex = tensor.ScopeIndex;
        _tensors[_count] = null!;
        tensor.Scope = null;
    }

    // One native call for many tensors.
    private unsafe void Release()
    {
        const int Batch = 256;
        nint* handles = stackalloc nint[Batch];
        for (int start = 0; start < _count; start += Batch)
        {
            int n = Math.Min(Batch, _count - start);
            for (int i = 0; i < n; i++)
            {
                handles[i] = _tensors[start + i].TakeHandle();
            }

            NativeMethods.ct_release_many(handles, n);
        }

        _tensors = [];
        _count = 0;
    }
}

public static partial class torch
{
    /// <summary>Opens a scope that releases the tensors created inside it: <c>using var scope = torch.NewDisposeScope();</c></summary>
    public static DisposeScope NewDisposeScope() => new();
}
