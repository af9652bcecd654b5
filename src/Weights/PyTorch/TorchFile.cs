using ClipTrain.Weights.Tensors;
using Microsoft.Win32.SafeHandles;

namespace ClipTrain.Weights.PyTorch;

/// <summary>
/// A file written by torch.save (PyTorch 1.6 or later) or torch.jit.save: a ZIP archive of a pickle that describes tensors, and of
/// files with their values. Reads tensors and never runs code.
/// </summary>
public sealed class TorchFile : IWeights
{
    private const string Description = "/data.pkl";
    private const long MaxPickleBytes = 1 << 26;

    private readonly SafeFileHandle _file;
    private readonly ZipDirectory _archive;
    private readonly string _folder;
    private readonly Dictionary<string, StoredTensor> _tensors;

    /// <exception cref="WeightsException">The file is malformed, or contains more than tensors and plain values.</exception>
    public TorchFile(string path)
    {
        Path = path;
        _file = NumberReader.Open(path);
        try
        {
            _archive = new ZipDirectory(_file, path);
            var pickle =
                _archive.Entries.Values.FirstOrDefault(entry => entry.Name.EndsWith(Description, StringComparison.Ordinal))
                ?? throw new WeightsException($"{path}: is a ZIP archive, but not PyTorch's: it has no data.pkl.");
            _folder = pickle.Name[..^Description.Length];
            CheckByteOrder();
            var world = new TorchWorld(path);
            _tensors = StateDict.Tensors(path, new PickleReader(Bytes(pickle, MaxPickleBytes), path, world).Read());
            foreach (var (name, tensor) in _tensors)
            {
                CheckStorage(name, tensor.Storage);
            }
        }
        catch
        {
            _file.Dispose();
            throw;
        }

        Shapes = _tensors.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<long>)pair.Value.Shape, StringComparer.Ordinal);
        IsScript = _archive.Entries.ContainsKey($"{_folder}/constants.pkl");
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; }

    /// <summary>True for a TorchScript archive, such as OpenAI's files.</summary>
    public bool IsScript { get; }

    public void Read(string name, Span<float> destination)
    {
        if (!_tensors.TryGetValue(name, out var tensor))
        {
            throw new WeightsException($"{Path}: has no tensor '{name}'.");
        }

        var count = tensor.Shape.Aggregate(1L, (product, size) => product * size);
        if (!tensor.Storage.Type.IsWeight() || count != destination.Length)
        {
            throw new WeightsException(
                $"{Path}: tensor '{name}' is [{string.Join(", ", tensor.Shape)}] of {tensor.Storage.Type}, not the {destination.Length} "
                    + "numbers that are expected."
            );
        }

        if (count == 0)
        {
            return;
        }

        var start = _archive.DataOffset(Entry(tensor.Storage)) + (tensor.Offset * tensor.Storage.Bytes);
        if (IsContiguous(tensor))
        {
            NumberReader.Read(_file, Path, start, tensor.Storage.Type, destination);
        }
        else
        {
            Gather(tensor, start, destination);
        }
    }

    public void Dispose() => _file.Dispose();

    private static bool IsContiguous(StoredTensor tensor)
    {
        long expected = 1;
        for (var i = tensor.Shape.Length - 1; i >= 0; i--)
        {
            if (tensor.Shape[i] != 1 && tensor.Strides[i] != expected)
            {
                return false;
            }

            expected *= tensor.Shape[i];
        }

        return true;
    }

    /// <summary>Reads the part of the storage that contains a strided tensor and copies its values in row-major order.</summary>
    private void Gather(StoredTensor tensor, long start, Span<float> destination)
    {
        var extent = 1 + tensor.Shape.Zip(tensor.Strides, (size, stride) => (size - 1) * stride).Sum();
        var numbers = new float[extent];
        NumberReader.Read(_file, Path, start, tensor.Storage.Type, numbers);
        var index = new long[tensor.Shape.Length];
        long place = 0;
        foreach (ref var value in destination)
        {
            value = numbers[place];
            for (var i = index.Length - 1; i >= 0; i--)
            {
                place += tensor.Strides[i];
                if (++index[i] < tensor.Shape[i])
                {
                    break;
                }

                place -= index[i] * tensor.Strides[i];
                index[i] = 0;
            }
        }
    }

    private ZipEntry Entry(StoredNumbers storage) =>
        _archive.Entries.TryGetValue($"{_folder}/data/{storage.Key}", out var entry)
            ? entry
            : throw new WeightsException($"{Path}: its part '{_folder}/data/{storage.Key}', which holds a tensor's numbers, is missing.");

    /// <summary>Checks that a storage lies within the file, so that no memory is allocated for a bogus size.</summary>
    private void CheckStorage(string name, StoredNumbers storage)
    {
        var entry = Entry(storage);
        _archive.DataOffset(entry);
        if (storage.Count > entry.Length / storage.Bytes)
        {
            throw new WeightsException(
                $"{Path}: tensor '{name}' lies in a storage of {storage.Count} numbers, of which the file has "
                    + $"{entry.Length / storage.Bytes}; it was truncated."
            );
        }
    }

    private void CheckByteOrder()
    {
        if (_archive.Entries.TryGetValue($"{_folder}/byteorder", out var entry) && !Bytes(entry, 16).AsSpan().SequenceEqual("little"u8))
        {
            throw new WeightsException($"{Path}: its numbers are big-endian. Save it again on a little-endian machine.");
        }
    }

    private byte[] Bytes(ZipEntry entry, long most)
    {
        if (entry.Length > most)
        {
            throw new WeightsException($"{Path}: its part '{entry.Name}' has {entry.Length} bytes; files of weights have at most {most}.");
        }

        var start = _archive.DataOffset(entry);
        var bytes = new byte[entry.Length];
        NumberReader.ReadBytes(_file, Path, start, bytes);
        return bytes;
    }
}
