namespace ClipTrain.DataPipeline.Loading;

public sealed class ImageDecodeException(string message) : Exception(message);
