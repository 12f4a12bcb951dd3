TISSUES=(); PLAN_SHAPE=(1,1,1); PLAN_VOXEL_MM=4.0
def draw(p,n): pass
