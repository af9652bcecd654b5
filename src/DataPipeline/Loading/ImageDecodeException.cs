namespace ClipTrain.DataPipeline.Loading;

/// <summary>Bytes that are not a usable image. A loader skips and reports such a sample; it does not stop for it.</summary>
public sealed class ImageDecodeException(string message, Exception? inner = null) : Exception(message, inner);
