using System.Buffers;

namespace ClipTrain.Torch.Interop;

/// <summary>The handles of several tensors as one array, rented until disposed of.</summary>
internal readonly ref struct HandleArray
{
    private readonly nint[] _rented;
    private readonly int _length;

    public HandleArray(ReadOnlySpan<torch.Tensor> tensors)
    {
        _length = tensors.Length;
        _rented = ArrayPool<nint>.Shared.Rent(_length);
        for (int i = 0; i < _length; i++)
        {
            _rented[i] = tensors[i].Handle;
        }
    }

    public ReadOnlySpan<nint> Handles => _rented.AsSpan(0, _length);

    public void Dispose() => ArrayPool<nint>.Shared.Return(_rented);
}
