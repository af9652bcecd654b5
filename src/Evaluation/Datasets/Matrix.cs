using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using TorchSharp;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>A pinned fp32 matrix, which a tensor can view without a copy.</summary>
public sealed class Matrix(int rows, int columns)
{
    private readonly float[] _values = GC.AllocateUninitializedArray<float>(checked(rows * columns), pinned: true);

    public int Rows => rows;

    public int Columns => columns;

    public Span<float> Values => _values;

    public Span<float> Row(int row) => _values.AsSpan(row * columns, columns);

    /// <summary>A tensor over the same memory. Keep the matrix alive as long as the tensor.</summary>
    public unsafe torch.Tensor View() => TensorMemory.FromBlob((nint)Unsafe(), [rows, columns], torch.float32);

    /// <summary>Copies the rows with the given indices, in order.</summary>
    public Matrix Select(IReadOnlyList<int> chosen)
    {
        var selected = new Matrix(chosen.Count, columns);
        for (var i = 0; i < chosen.Count; i++)
        {
            Row(chosen[i]).CopyTo(selected.Row(i));
        }

        return selected;
    }

    /// <summary>Concatenates the rows of two matrices.</summary>
    public Matrix Above(Matrix below)
    {
        var both = new Matrix(rows + below.Rows, columns);
        Values.CopyTo(both.Values);
        below.Values.CopyTo(both.Values[Values.Length..]);
        return both;
    }

    private unsafe float* Unsafe() => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_values, 0);
}
