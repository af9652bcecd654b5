using System.Runtime.InteropServices;

namespace ClipTrain.DataPipeline.Images;

/// <summary>An owned reference to a GObject of libvips (image or region), released on disposal.</summary>
internal readonly struct VipsReference(nint pointer) : IDisposable
{
    public nint Pointer { get; } = pointer;

    public void Dispose() => NativeVips.g_object_unref(Pointer);
}

/// <summary>One libvips operation: set its arguments, then <see cref="Run"/> it once.</summary>
internal sealed unsafe class VipsOperation : IDisposable
{
    private nint _operation;

    public VipsOperation(string name)
    {
        _operation = NativeVips.vips_operation_new(name);
        if (_operation == 0)
        {
            throw Error();
        }
    }

    /// <summary>Sets simple arguments, written as "name=value,name=value".</summary>
    public void Set(string arguments)
    {
        if (NativeVips.vips_object_set_from_string(_operation, arguments) != 0)
        {
            throw Error();
        }
    }

    public void SetImage(string name, nint image)
    {
        NativeVips.GValue value = default;
        NativeVips.g_value_init(&value, NativeVips.vips_image_get_type());
        NativeVips.g_value_set_object(&value, image);
        NativeVips.g_object_set_property(_operation, name, &value);
        NativeVips.g_value_unset(&value);
    }

    /// <summary>Sets bytes, which must stay in place until the last image made from them is released.</summary>
    public void SetBuffer(string name, byte* data, int length)
    {
        NativeVips.GValue value = default;
        NativeVips.g_value_init(&value, NativeVips.vips_blob_get_type());
        NativeVips.vips_value_set_blob(&value, 0, data, (nuint)length);
        NativeVips.g_object_set_property(_operation, name, &value);
        NativeVips.g_value_unset(&value);
    }

    /// <summary>Builds the operation and returns its image "out".</summary>
    /// <exception cref="ImageDecodeException">libvips failed; the message is its own.</exception>
    public VipsReference Run()
    {
        var operation = _operation;
        if (NativeVips.vips_cache_operation_buildp(&operation) != 0)
        {
            throw Error();
        }

        _operation = operation;

        NativeVips.GValue value = default;
        NativeVips.g_value_init(&value, NativeVips.vips_image_get_type());
        NativeVips.g_object_get_property(_operation, "out", &value);
        var image = NativeVips.g_value_dup_object(&value);
        NativeVips.g_value_unset(&value);
        return new VipsReference(image);
    }

    public void Dispose()
    {
        if (_operation == 0)
        {
            return;
        }

        NativeVips.vips_object_unref_outputs(_operation);
        NativeVips.g_object_unref(_operation);
        _operation = 0;
    }

    /// <summary>
    /// libvips's error messages since the last call. The error buffer is shared by all threads, so it may contain a line about another
    /// thread's image.
    /// </summary>
    public static ImageDecodeException Error()
    {
        var text = NativeVips.vips_error_buffer_copy();
        var lines = (Marshal.PtrToStringUTF8(text) ?? "").Split(
            '\n',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
        );
        NativeVips.g_free(text);
        return new ImageDecodeException(
            lines.Length == 0
                ? "the image is damaged (libvips gives no reason)"
                : string.Join("; ", lines.Distinct(StringComparer.Ordinal).Take(3))
        );
    }
}
