"""Background work: asked after until it ends, cancelled with its bill, resumed by whoever comes later."""
