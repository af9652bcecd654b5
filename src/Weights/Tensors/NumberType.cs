namespace ClipTrain.Weights.Tensors;

/// <summary>Element type of a tensor in a file.</summary>
public enum NumberType
{
    Float64,
    Float32,
    Float16,
    BFloat16,

    /// <summary>Quantised codes, which need a scale; not weights.</summary>
    Byte,

    /// <summary>Integers, booleans and other types that are not weights.</summary>
    Other,
}

/// <summary>Sizes and names of the element types.</summary>
internal static class NumberTypes
{
    private static readonly Dictionary<string, (NumberType Type, int Bytes)> s_safetensors = new(StringComparer.Ordinal)
    {
        ["F64"] = (NumberType.Float64, 8),
        ["F32"] = (NumberType.Float32, 4),
        ["F16"] = (NumberType.Float16, 2),
        ["BF16"] = (NumberType.BFloat16, 2),
        ["I64"] = (NumberType.Other, 8),
        ["U64"] = (NumberType.Other, 8),
        ["I32"] = (NumberType.Other, 4),
        ["U32"] = (NumberType.Other, 4),
        ["I16"] = (NumberType.Other, 2),
        ["U16"] = (NumberType.Other, 2),
        ["I8"] = (NumberType.Other, 1),
        ["U8"] = (NumberType.Byte, 1),
        ["BOOL"] = (NumberType.Other, 1),
        ["F8_E4M3"] = (NumberType.Other, 1),
        ["F8_E5M2"] = (NumberType.Other, 1),
    };

    private static readonly Dictionary<string, (NumberType Type, int Bytes)> s_storages = new(StringComparer.Ordinal)
    {
        ["Double"] = (NumberType.Float64, 8),
        ["Float"] = (NumberType.Float32, 4),
        ["Half"] = (NumberType.Float16, 2),
        ["BFloat16"] = (NumberType.BFloat16, 2),
        ["Long"] = (NumberType.Other, 8),
        ["Int"] = (NumberType.Other, 4),
        ["Short"] = (NumberType.Other, 2),
        ["Char"] = (NumberType.Other, 1),
        ["Byte"] = (NumberType.Byte, 1),
        ["Bool"] = (NumberType.Other, 1),
    };

    /// <summary>Looks up a type by its name in a safetensors header, with its size in bytes.</summary>
    public static bool OfSafetensors(string name, out (NumberType Type, int Bytes) type) => s_safetensors.TryGetValue(name, out type);

    /// <summary>Looks up a type by the name of a PyTorch storage class, such as FloatStorage.</summary>
    public static bool OfStorage(string name, out (NumberType Type, int Bytes) type)
    {
        type = default;
        return name.EndsWith("Storage", StringComparison.Ordinal) && s_storages.TryGetValue(name[..^"Storage".Length], out type);
    }

    /// <summary>True if tensors of this type can be weights.</summary>
    public static bool IsWeight(this NumberType type) => type < NumberType.Byte;

    public static string SafetensorsName(this NumberType type) => s_safetensors.First(pair => pair.Value.Type == type).Key;

    public static int Bytes(this NumberType type) => s_safetensors.First(pair => pair.Value.Type == type).Value.Bytes;
}
