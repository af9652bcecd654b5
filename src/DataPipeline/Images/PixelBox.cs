namespace ClipTrain.DataPipeline.Images;

/// <summary>A rectangle of whole pixels.</summary>
internal readonly record struct PixelBox(int X, int Y, int Width, int Height);
