using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using TorchSharp;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Rows of fp32 numbers at a fixed address, so that a tensor can stand for them without a copy.</summary>
public sealed class Matrix(int rows, int columns)
{
    private readonly float[] _values = GC.AllocateUninitializedArray<float>(checked(rows * columns), pinned: true);

    public int Rows => rows;

    public int Columns => columns;

    public Span<float> Values => _values;

    public Span<float> Row(int row) => _values.AsSpan(row * columns, columns);

    /// <summary>The numbers as a tensor over the same memory; keep the matrix as long as the tensor.</summary>
    public unsafe torch.Tensor View() => TensorMemory.FromBlob((nint)Unsafe(), [rows, columns], torch.float32);

    /// <summary>The rows of some numbers, in their order.</summary>
    public Matrix Select(IReadOnlyList<int> chosen)
    {
        var selected = new Matrix(chosen.Count, columns);
        for (var i = 0; i < chosen.Count; i++)
            Row(chosen[i]).CopyTo(selected.Row(i));
        return selected;
    }

    /// <summary>The rows of two matrices, one below the other.</summary>
    public Matrix Above(Matrix below)
    {
        var both = new Matrix(rows + below.Rows, columns);
        Values.CopyTo(both.Values);
        below.Values.CopyTo(both.Values[Values.Length..]);
        return both;
    }

    private unsafe float* Unsafe() => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_values, 0);
}
